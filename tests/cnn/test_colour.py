"""Colour in networks: three channels where the training images have colour."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.cnn.training.test_training import linear
from tests.pipeline.small_methods import small_backbone
from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.inspection.kernels import first_kernels
from visbase.cnn.inspection.layers import save_pictures
from visbase.cnn.training.pixels import channels_first, mean_and_deviation
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.errors import BadInput
from visbase.pipeline.models.methods import find_methods

RED, BLUE = (200, 90, 90), (90, 90, 137)
# their luma 0.299 R + 0.587 G + 0.114 B: 122.9 and 95.4
NETWORKS = [
    method
    for method in find_methods().values()
    if method.folder == "cnn"
    and method.name != "pretrained"  # which is not trained here
]


def coloured(n: int = 60, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """n noisy images (n, side, side, 3), in turn red (label 0) and blue (label 1)."""
    labels = np.arange(n) % 2
    noise = np.random.default_rng(0).integers(-40, 41, (n, side, side, 3))
    colours = np.array([RED, BLUE])[labels][:, None, None]
    return (colours + noise).astype(np.uint8), labels


def trained(images: object, labels: np.ndarray) -> NetworkClassifier:
    recipe = Recipe(30, batch_size=20, learning_rate=3e-3)
    model = NetworkClassifier(linear, recipe, 0)
    model.fit(images, labels)  # type: ignore[arg-type]
    return model


@pytest.mark.parametrize("method", NETWORKS, ids=lambda method: method.name)
def test_every_network_tells_red_from_blue_images_of_32_pixels(method: object) -> None:
    module = method.load()  # type: ignore[attr-defined]
    quick = module.PRESETS["quick"]
    small = {"epochs": 6, "spreads_px": ()}
    if hasattr(quick, "size_px"):  # a network that was trained before
        small = {"epochs": 1, "size_px": 64, **small_backbone()}
    changes = {name: value for name, value in small.items() if hasattr(quick, name)}
    model = module.build(dataclasses.replace(quick, **changes), 0)
    images, labels = coloured(300, 32)
    # of one grey level, so that a network that sees no colour cannot tell them apart
    images = (images * (110 / (images @ [0.299, 0.587, 0.114]))[..., None]).astype(
        np.uint8
    )
    model.fit(images[:200], labels[:200])
    assert np.mean(model.predict(images[200:]) == labels[200:]) > 0.9


def test_channels_follow_the_training_images() -> None:
    images, labels = coloured()
    grey = images[..., 0]
    in_rgb = np.repeat(grey[..., None], 3, axis=3)
    larger = [np.repeat(image, 2, axis=0) for image in images[:1]] + list(images[1:])
    for given, channels in (
        (images, 3),
        (list(images), 3),
        (larger, 3),
        (grey, 1),
        (list(in_rgb), 1),  # photographs that are merely stored as RGB
        ([*in_rgb[:-1], images[-1]], 3),  # one in colour is enough
        ([grey[0], *images[1:]], 3),
    ):
        model = trained(given, labels)
        assert model.arrays()["standard"].shape == (2 * channels,)
        assert model.predict(images[:3]).shape == model.predict(grey[:3]).shape == (3,)


def test_colour_image_becomes_grey_for_a_grey_network_and_grey_is_repeated() -> None:
    images, labels = coloured()
    luma = np.rint(images.astype(np.float32) @ np.float32([0.299, 0.587, 0.114]))
    luma = luma.astype(np.uint8)
    in_grey, in_colour = trained(luma, labels), trained(images, labels)
    assert np.array_equal(in_grey.scores(images), in_grey.scores(luma))
    in_rgb = np.repeat(luma[..., None], 3, axis=3)
    assert np.array_equal(in_colour.scores(luma), in_colour.scores(in_rgb))
    assert in_grey.resize(images[0]).shape == (16, 16)
    assert in_colour.resize(luma[0]).shape == (16, 16, 3)


def test_mean_and_deviation_are_those_of_each_channel() -> None:
    images = np.zeros((2, 1, 2, 3), np.uint8)
    images[..., 0] = 7
    images[..., 1] = [[[10, 20]], [[30, 40]]]
    images[1, 0, :, 2] = 8
    mean, deviation = mean_and_deviation(images)
    assert mean.tolist() == [7, 25, 4]
    assert deviation.tolist() == [1, np.sqrt(125), 4]  # 1 where nothing differs
    assert channels_first(images).shape == (2, 3, 1, 2)


def test_saved_arrays_give_the_same_scores_and_grey_ones_keep_their_layout() -> None:
    images, labels = coloured()
    for given, shape in ((images, (2, 3 * 256)), (images[..., 0], (2, 256))):
        model = trained(given, labels)
        arrays = model.arrays()
        assert arrays["network.1.weight"].shape == shape
        copy = NetworkClassifier(linear, Recipe(1), 1)
        copy.restore(arrays)
        assert np.array_equal(copy.scores(given), model.scores(given))
    for n in (0, 4, 5):  # means and deviations are of one channel or of three
        with pytest.raises(BadInput, match=rf"'standard'.*\(6\).*\({n}\)"):
            copy.restore(arrays | {"standard": np.ones(n)})


def test_evidence_of_a_linear_network_is_the_difference_of_its_logits() -> None:
    images, labels = coloured()
    model = trained(images, labels)
    seen, evidence = model.explain(images[0])
    assert np.array_equal(seen, images[0])
    assert evidence.contribution.shape == (256,)
    assert (evidence.sides == 1 / 16).all()
    scores, black = model.scores(np.stack([images[0], np.zeros_like(images[0])]))
    expected = (scores - black)[evidence.winner] - (scores - black)[evidence.runner_up]
    photograph = np.repeat(np.repeat(images, 4, axis=1), 4, axis=2)  # of 64 pixels
    sides = trained(photograph, labels).explain(photograph[0])[1].sides
    assert (sides == 2 / 64).all()
    assert evidence.contribution.sum() == pytest.approx(expected, rel=1e-4)


def test_kernels_of_colour_images_are_pictures_in_colour(tmp_path: Path) -> None:
    for network in (
        nn.Sequential(nn.Conv2d(3, 5, (2, 4))),
        nn.Sequential(nn.Flatten(), nn.Linear(24, 5)),
    ):
        weight = next(network.parameters()).detach().numpy().reshape(5, 3, 2, 4)
        kernels = first_kernels(network, 2, 4)
        assert np.array_equal(kernels, np.moveaxis(weight, 1, 3))
    images, labels = coloured()
    model = trained(images, labels)
    assert model.show(images)["kernels"].shape == (2, 16, 16, 3)
    assert len(save_pictures(model.network_, torch.rand(1, 3, 16, 16), tmp_path)) == 3
