"""Evaluation by ILSVRC's protocol: pixels and logits of the references, counts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

from tests.command_line import refusal, visbase
from visbase.cnn.backbone.timm_networks import pretrained_cfg, timm
from visbase.cnn.backbone.weights import PACKAGED
from visbase.cnn.imagenet import evaluation, loading
from visbase.cnn.imagenet.bn_inception import BNInception
from visbase.cnn.imagenet.evaluation import Counts, evaluate, pixels_of
from visbase.cnn.imagenet.loading import Loaded, load_network
from visbase.cnn.imagenet.torchvision_networks import import_torchvision, models
from visbase.cnn.training.views import Middle, TenCrops, mean_of_views
from visbase.pipeline.datasets.imagenet import load_validation
from visbase.pipeline.datasets.splits import part
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import ImageNetErrors
from visbase.pipeline.storage import artifacts
from visbase.pipeline.storage.tables import read_rows

CPU = torch.device("cpu")
N_CLASSES = 12  # with made-up synsets
SMALL = "test_resnet"  # timm's


def test_logits_are_those_of_timm_with_its_published_evaluation_settings() -> None:
    loaded = load_network(PACKAGED, "", 1000)
    china, flower = load_sample_images().images
    photographs = [china, flower[:, :301], china[:299, :, 0], flower[100:280, 40:400]]
    reference = timm.create_model(PACKAGED)
    settings = timm.data.resolve_model_data_config(reference)
    transform = timm.data.create_transform(**settings)
    reference.load_state_dict(loaded.network.state_dict())
    theirs = [transform(Image.fromarray(each).convert("RGB")) for each in photographs]
    with torch.inference_mode():
        expected = reference.eval()(torch.stack(theirs))
        (crops,) = Middle(loaded.crop_px)(pixels_of(loaded, photographs, CPU)[:])
        logits = loaded.network(crops)
    assert (crops - torch.stack(theirs)).abs().max() < 1e-5
    assert float(expected.std()) > 0.5
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)


def test_weights_are_evaluated_at_the_size_that_timm_tests_them_at(
    small_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"test_input_size": (3, 192, 192), "test_crop_pct": 1.0}
    monkeypatch.setattr(
        loading, "pretrained_cfg", lambda name: pretrained_cfg(name) | sizes
    )
    loaded = load_network(SMALL, str(small_weights), N_CLASSES)
    assert (loaded.crop_px, loaded.resized_px) == (192, 192)


def test_ten_crops_are_torchvisions_of_the_middle_square() -> None:
    image = load_sample_images().images[0]
    square = evaluation.middle_square(image, 256, 256, is_bicubic=False)
    ten_crop = import_torchvision().transforms.TenCrop(224)
    theirs = ten_crop(Image.fromarray(square))
    tensor = torch.from_numpy(square.copy()).permute(2, 0, 1)[None]
    ours = [crop[0].permute(1, 2, 0).numpy() for crop in TenCrops(224)(tensor)]
    assert sorted(crop.tobytes() for crop in ours) == sorted(
        crop.tobytes() for crop in theirs
    )


@pytest.mark.parametrize("shape", [(300, 235), (301, 400), (237, 236)])
def test_middle_crop_is_torchvisions_at_odd_sizes(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    transforms = import_torchvision().transforms
    resized = transforms.Resize(235)(Image.fromarray(image))
    theirs = np.asarray(transforms.CenterCrop(224)(resized))
    ours = evaluation.middle_square(image, 235, 224, is_bicubic=False)
    np.testing.assert_array_equal(ours, theirs)


def test_weights_of_torchvisions_googlenet_give_its_logits(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = models.googlenet(init_weights=False, transform_input=True)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")  # with auxiliary heads
    loaded = load_network("googlenet_torchvision", str(tmp_path / "w.pth"), 1000)
    photograph = load_sample_images().images[0]
    (crop,) = Middle(224)(pixels_of(loaded, [photograph], CPU)[:])
    transform = models.GoogLeNet_Weights.IMAGENET1K_V1.transforms()
    with torch.inference_mode():
        expected = theirs.eval()(transform(Image.fromarray(photograph))[None])
        torch.testing.assert_close(loaded.network(crop), expected, rtol=0, atol=1e-4)


def test_weights_of_bn_inception_take_blue_first_and_the_network_red(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    theirs = BNInception(10).eval()
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    loaded = load_network("bn_inception", str(tmp_path / "w.safetensors"), 10)
    red, green, blue = torch.rand(3, 1, 1, 64, 64)
    with torch.inference_mode():
        ours = loaded.network(torch.cat([red, green, blue], 1))
        expected = theirs(torch.cat([blue, green, red], 1))
    torch.testing.assert_close(ours, expected)
    assert loaded.mean == (128, 117, 104)


@pytest.fixture
def ilsvrc(tmp_path: Path) -> Path:
    """Noise in ILSVRC's folders: 14 photographs of made-up synsets."""
    rng = np.random.default_rng(0)
    for i in range(14):
        folder = tmp_path / "data" / "val" / f"n{i % N_CLASSES:08}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (50 + i, 70, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"ILSVRC2012_val_{i:08}.JPEG")
    return tmp_path / "data"


@pytest.fixture
def small_weights(tmp_path: Path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = timm.create_model(SMALL, num_classes=N_CLASSES)
        nn.init.normal_(network.get_classifier().weight)
    save_file(network.state_dict(), tmp_path / "small.safetensors")
    return tmp_path / "small.safetensors"


@pytest.fixture
def small(small_weights: Path) -> Loaded:
    return load_network(SMALL, str(small_weights), N_CLASSES)


@pytest.fixture(autouse=True)
def short_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "BATCH", 4)


@pytest.mark.parametrize(("ten_crops", "n"), [(False, 14), (True, 9)])
def test_streamed_counts_are_those_of_all_photographs_at_once(
    ilsvrc: Path, small: Loaded, ten_crops: bool, n: int
) -> None:
    split = part(load_validation(ilsvrc)[0], slice(0, n))
    views = (TenCrops if ten_crops else Middle)(small.crop_px)
    with torch.inference_mode():
        batch = views(pixels_of(small, split.images, CPU, ten_crops)[:])
        scores = mean_of_views(small.network, batch)
    best = scores.topk(5).indices.numpy() == split.labels[:, None]
    counts = evaluate(small, split, ten_crops)
    expected = Counts(n, int((~best[:, 0]).sum()), int((~best.any(axis=1)).sum()))
    assert counts == expected
    assert 0 < counts.wrong_5 < counts.wrong_1


class Killed(nn.Module):
    """A network whose process is killed at a batch."""

    def __init__(self, network: nn.Module, batch: int) -> None:
        super().__init__()
        self.network = network
        self.left = batch

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        y: Tensor = self.network(x)
        return y

    def __repr__(self) -> str:  # which keys the counts
        return repr(self.network)


def test_killed_evaluation_continues_and_counts_the_same(
    ilsvrc: Path, small: Loaded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    split, _ = load_validation(ilsvrc)
    expected = evaluate(small, split)
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / "others"))
    for batch, n_batches in ((3, 3), (100, 2)):  # of four, the third is done twice
        network = Killed(small.network, batch)
        killed = Loaded(network, *list(vars(small).values())[1:])
        if batch == 3:
            with pytest.raises(KeyboardInterrupt):
                evaluate(killed, split)
        else:
            assert evaluate(killed, split) == expected
        assert batch - network.left == n_batches


def test_command_prints_errors_with_their_intervals(
    ilsvrc: Path, small_weights: Path, small: Loaded
) -> None:
    counts = evaluate(small, load_validation(ilsvrc)[0])
    done = visbase("evaluate", SMALL, "--weights", small_weights, "--data", ilsvrc)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{SMALL} (middle crop of {small.crop_px} px): {counts}\n"
    (row,) = read_rows(artifacts() / "evaluations.csv", ImageNetErrors)
    assert (row.network, row.crops, row.n_photographs) == (
        SMALL,
        "middle crop",
        counts.n,
    )
    assert (row.n_wrong_1, row.n_wrong_5) == (counts.wrong_1, counts.wrong_5)
    assert str(Counts(200, 50, 1)) == (
        "top-1 error 25.00 % (19.51 to 31.43), top-5 error 0.50 % (0.09 to 2.78), "
        "200 photographs"
    )


def test_file_of_other_weights_is_refused_with_the_tensor_that_differs(
    ilsvrc: Path, small_weights: Path
) -> None:
    def line(network: str) -> str:
        return refusal(
            "evaluate", network, "--weights", small_weights, "--data", ilsvrc
        )

    assert "small.safetensors: not weights of this network: array 'conv1." in line(
        "resnet34_b"
    )
    (ilsvrc / "val" / "n00000000").rename(ilsvrc / "n00000000")
    assert "array 'fc.weight': expected float32 of shape (11, 96), found" in line(SMALL)
    assert "has no weights here: pass --weights" in refusal(
        "evaluate", "resnet50", "--data", ilsvrc
    )
    assert "need LOC_synset_mapping.txt or meta.mat beside them" in line(SMALL)
    assert "unknown network 'resnet51'; choose from: alexnet, " in refusal(
        "evaluate", "resnet51", "--data", ilsvrc
    )
    assert "resnet50.x: timm has no weights of this name; choose from: res" in refusal(
        "evaluate", "resnet50.x", "--data", ilsvrc
    )


def test_unreadable_photograph_ends_the_evaluation_in_one_line(
    ilsvrc: Path, small: Loaded
) -> None:
    split, _ = load_validation(ilsvrc)
    (ilsvrc / split.names[7]).write_bytes(b"no photograph")
    with pytest.raises(BadInput, match=r"val_0000\d+\.JPEG: cannot be read"):
        evaluate(small, split)
