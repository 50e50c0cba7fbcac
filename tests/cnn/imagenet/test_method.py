"""Networks for ImageNet as methods: what learns, from what, and on which images."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from tests.command_line import refusal, visbase
from visbase.cnn.imagenet import classifier, find_networks
from visbase.cnn.imagenet.classifier import ImageNetClassifier, frozen
from visbase.cnn.training import trainer
from visbase.cnn.training.pixels import Pixels
from visbase.pipeline.errors import BadInput
from visbase.pipeline.models.methods import find_method, find_methods

TOY = """
from torch import nn
from visbase.cnn.imagenet import Network

def make(n_classes):
    return nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=4), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, n_classes),
    )

NETWORKS = {"toy": Network(make, 2026, 0, 0, "", side_px=32)}
"""
HEAD, LAST, FIRST = "8.weight", "3.weight", "0.weight"


@pytest.fixture(autouse=True)
def toy(add_file: Callable[[str, str], None]) -> None:
    """A network that trains in no time."""
    add_file("cnn/imagenet/toy.py", TOY)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, more of it red or more green, of several sizes; one is grey."""
    root = tmp_path_factory.mktemp("folder") / "photos"
    rng = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green")):
        (root / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 120, (60 + i, 80, 3), np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(root / name / f"{i}.jpg", quality=95)
    Image.fromarray(np.full((50, 60), 99, np.uint8)).save(root / "red" / "grey.png")
    return root


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights of the toy for 1,000 classes, with statistics as if it were trained."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = find_networks()["toy"].make(1000)
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.uniform_(norm.running_mean)
    save_file(network.state_dict(), tmp_path / "toy.safetensors")
    return tmp_path / "toy.safetensors"


def fitted(images: object, labels: np.ndarray, *settings: str) -> ImageNetClassifier:
    method = find_method("toy")
    settings = ("epochs=2", "batch_size=4", *settings)
    model: ImageNetClassifier
    model = method.build(method.configure("full", settings), 0)  # type: ignore[assignment]
    model.fit(images, labels)  # type: ignore[arg-type]
    return model


def noise(n: int = 12) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (50, 60 + i, 3), np.uint8) for i in range(n)]
    return images, np.arange(n) % 3


def test_network_runs_on_a_folder_and_predicts_from_its_file(
    photographs: Path, tmp_path: Path, fresh_folders: Path
) -> None:
    model = tmp_path / "toy.visbase"
    done = visbase(
        *("run", "toy", "--dataset", f"folder:{photographs}", "--train-per-class", 7),
        *("--set", "epochs=12", "--set", "batch_size=7", "--set", "learning_rate=0.05"),
        *("--save", model),
    )
    assert done.exit_code == 0, done.output
    (path,) = fresh_folders.rglob("toy/seed0.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert (record["method"], record["family"], record["n_test"]) == (
        "toy",
        "network",
        7,
    )
    assert record["n_correct"] >= 6  # the grey one may be wrong
    assert (len(record["histories"][0]), record["pretrained"]) == (12, {})
    predicted = visbase("predict", model, photographs / "green" / "3.jpg")
    assert predicted.exit_code == 0, predicted.output
    assert "green" in predicted.stdout


@pytest.mark.parametrize(
    ("train", "learning"),
    [("head", {HEAD}), ("last", {HEAD, LAST}), ("all", {HEAD, LAST, FIRST})],
)
def test_part_that_learns_is_chosen_and_the_rest_is_that_of_the_file(
    weights: Path, train: str, learning: set[str]
) -> None:
    before = load_file(weights)
    model = fitted(*noise(), f"weights={weights}", f"train={train}")
    after = model.network_.state_dict()
    assert after[HEAD].shape == (3, 8)
    changed = {
        name for name in (FIRST, LAST) if not torch.equal(after[name], before[name])
    }
    assert changed == learning - {HEAD}
    means = {"1.running_mean": FIRST, "4.running_mean": LAST}
    for name, layer in means.items():  # statistics stay where the layer does
        assert torch.equal(after[name], before[name]) == (layer not in learning)
    assert model.pretrained["backbone"] == "toy"
    assert len(model.pretrained["weights_sha256"]) == 64


def test_saved_network_gives_the_same_scores() -> None:
    images, labels = noise()
    model = fitted(images, labels)
    again: ImageNetClassifier
    again = find_method("toy").build(find_method("toy").configure("full", ()), 0)  # type: ignore[assignment]
    again.restore(model.arrays())
    assert np.array_equal(again.scores(images), model.scores(images))
    assert model.scores(images).shape == (12, 3)


@pytest.mark.parametrize("recipe", ["modern", "alexnet"])
def test_killed_training_continues_and_learns_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recipe: str
) -> None:
    images, labels = noise()
    expected = fitted(images, labels, f"recipe={recipe}").scores(images)
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / "others"))
    written = trainer.write_checkpoint

    def die(*arguments: object) -> None:
        written(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "write_checkpoint", die)
        fitted(images, labels, f"recipe={recipe}")
    model = fitted(images, labels, f"recipe={recipe}")
    assert len(model.histories[0]) == 2
    assert np.array_equal(model.scores(images), expected)
    if recipe == "alexnet":  # held-out images show a plateau
        assert model.histories[0][0].validation_pct is not None


def test_crops_of_another_size_are_from_squares_in_proportion() -> None:
    images, labels = noise()
    model = fitted(images, labels, "crop_px=48")
    assert model.resize(images[0]).shape == (384, 384, 3)  # 256 / 32 times 48
    assert model.scores(images[:2]).shape == (2, 3)
    method = find_method("alexnet")
    with pytest.raises(BadInput, match="crop_px=128: alexnet does not take images of"):
        method.build(method.configure("full", ["crop_px=128"]), 0)


def test_held_out_photographs_are_of_every_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed: list[torch.Tensor] = []

    def keep(
        _network: object, pixels: Pixels, labels: torch.Tensor, *_: object
    ) -> list:
        passed.extend((pixels[0:24].mean((1, 2, 3)), labels))
        return []

    monkeypatch.setattr(classifier, "train", lambda *given, views: keep(*given))
    images = [np.full((40, 50, 3), 120 * (i // 12), np.uint8) for i in range(24)]
    fitted(images, np.repeat([0, 1], 12))  # sorted, as folders are
    levels, labels = passed
    assert set(labels[-4:].tolist()) == {0, 1}  # the last sixth
    assert torch.equal(levels > levels.mean(), labels == 1)


@pytest.mark.parametrize(
    ("name", "head", "last"),
    [
        ("alexnet", "22", "19"),
        ("vgg16", "classifier.6", "classifier.0"),
        ("googlenet", "24", "20.branches.0.0"),
        ("googlenet_torchvision", "fc", "inception5b.branch1.conv"),
        ("prelu_net_a", "42", "39"),
        ("bn_inception", "last_linear", "inception_5b_1x1"),
        ("resnet50", "fc", "layer4.0.conv1"),
    ],
)
def test_head_and_last_stage_of_a_network_begin_at(
    name: str, head: str, last: str
) -> None:
    entry = find_networks()[name]
    for part, first in (("head", head), ("last", last), ("all", "")):
        with torch.device("meta"):
            network = entry.make(10)
        for module in frozen(network, part, entry.last):
            module.requires_grad_(False)
        learns = [n for n, p in network.named_parameters() if p.requires_grad]
        assert learns[0].startswith(f"{first}." if first else "")
        names = [n for n, _ in network.named_parameters()]
        assert learns == names[names.index(learns[0]) :]
        if part == "all":
            assert learns == names


def test_networks_are_found_by_name_and_listed_with_no_other_methods() -> None:
    assert not find_networks().keys() & find_methods().keys()
    assert find_method("resnet50").kinds == ("photographs",)
    with pytest.raises(
        BadInput, match=r"'resnet51'; choose from: .* `visbase networks`"
    ):
        find_method("resnet51")


def test_what_is_no_photograph_or_no_setting_is_refused(
    photographs: Path, fresh_folders: Path
) -> None:
    line = refusal("run", "toy", "--preset", "quick")
    assert "toy is for photographs; mnist has digits: pass --dataset folder" in line
    assert not list(fresh_folders.rglob("*.json"))
    with pytest.raises(BadInput, match="toy is for photographs; images of 28 x 28"):
        fitted(np.zeros((4, 28, 28), np.uint8), np.arange(4))
    assert "--set train=middle: " in refusal("run", "toy", "--set", "train=middle")
    folder = ("--dataset", f"folder:{photographs}", "--train-per-class", 7)
    for setting, words in (
        ("train=head", "train=head: the other layers would keep random weights"),
        (f"weights={photographs}/none.pth", "none.pth: no such file"),
    ):
        done = visbase("run", "toy", *folder, "--set", setting)
        assert done.exit_code == 2
        assert words in done.stderr.splitlines()[-1]
