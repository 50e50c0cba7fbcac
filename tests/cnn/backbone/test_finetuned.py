"""`finetuned`: what is trained on and what is not, and whom it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from visbase.cnn import finetuned
from visbase.cnn.backbone.finetuning import FinetunedBackbone, one_view
from visbase.cnn.backbone.network import load_backbone
from visbase.cnn.backbone.timm_networks import timm
from visbase.cnn.backbone.weights import PACKAGED
from visbase.pipeline.contracts import Refits
from visbase.pipeline.errors import BadInput

CONFIG = finetuned.Config(size_px=64, epochs=1)
LABELS = np.repeat([3, 7], 4)


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Four red and four blue images of noise."""
    pixels = np.random.default_rng(0).integers(0, 120, (8, 70, 60, 3), np.uint8)
    pixels[:4, ..., 0] += 100
    pixels[4:, ..., 2] += 100
    return pixels


def fit(images: NDArray[np.uint8], **changes: Any) -> FinetunedBackbone:
    model = finetuned.build(dataclasses.replace(CONFIG, **changes), 0)
    model.fit(images, LABELS)
    return model


def test_only_weights_of_the_last_layers_move_and_the_model_is_restored_to_the_bit(
    images: NDArray[np.uint8],
) -> None:
    model = fit(images)
    before = load_backbone(PACKAGED, 64, "")[0].arrays
    after = model.backbone_.arrays
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    last = {n for n in before if n.startswith(("blocks.6.", "conv_head.", "bn2."))}
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert moved == {name for name in last if not name.endswith(statistics)}
    assert (model.predict(images) == LABELS).all()
    opened = finetuned.build(CONFIG, 1)
    opened.restore(model.arrays())
    np.testing.assert_array_equal(opened.scores(images), model.scores(images))


def test_half_of_the_views_are_mirror_images() -> None:
    maps = torch.tensor([0.0, 1.0]).half().repeat(1000, 1)[..., None, None, None]
    views = one_view(maps, torch.Generator().manual_seed(0))
    assert views.shape == (1000, 1, 1, 1)
    assert float(views.mean()) == pytest.approx(0.5, abs=0.05)


def test_its_features_know_the_labels_so_its_last_stage_is_not_fitted_anew() -> None:
    assert not isinstance(finetuned.build(CONFIG, 0), Refits)


@pytest.mark.parametrize("n", [0, 11])
def test_number_of_layers_that_the_network_has_not_is_one_line(
    images: NDArray[np.uint8], n: int
) -> None:
    with pytest.raises(BadInput, match=f"tuned_layers={n}: expected 1 to 10, since"):
        fit(images, tuned_layers=n)


def test_layers_may_be_cut_between_a_convolution_and_its_normalisation(
    images: NDArray[np.uint8],
) -> None:
    model = fit(images, tuned_layers=1, size_px=32)
    assert np.isfinite(model.scores(images)).all()


@pytest.mark.parametrize(
    ("name", "refused"), [("test_resnet", False), ("test_vit", True)]
)
def test_networks_whose_layers_form_a_chain_are_tuned_and_others_refused(
    images: NDArray[np.uint8], tmp_path: Path, name: str, refused: bool
) -> None:
    weights = tmp_path / "weights.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(timm.create_model(name, num_classes=0).state_dict(), weights)
    changes = {"backbone": name, "weights": str(weights), "size_px": 0}
    if refused:
        with pytest.raises(BadInput, match="choose an EfficientNet or a ResNet"):
            fit(images, **changes)
    else:
        assert fit(images, **changes).predict(images).shape == (8,)
