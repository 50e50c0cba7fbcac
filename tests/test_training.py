"""The trainer, its distortions and the network classifier."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cnn.augment import Affine
from cnn.classifier import NetworkClassifier
from cnn.mlp2 import PRESETS as MLP2
from cnn.mlp2 import build as build_mlp2
from cnn.mlp3 import PRESETS as MLP3
from cnn.mlp3 import build as build_mlp3
from cnn.trainer import Recipe
from pipeline.data import Dataset


def linear(height: int, width: int, n_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(height * width, n_classes))


def parameters(network: nn.Module) -> list[int]:
    return [p.numel() for p in network.parameters()]


def test_layers_have_the_parameters_that_the_docstrings_say(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:200], mnist.train.labels[:200]
    for build, presets, expected in (
        (build_mlp2, MLP2, [627_200, 800, 8_000, 10]),
        (build_mlp3, MLP3, [235_200, 300, 30_000, 100, 1_000, 10]),
    ):
        model = build(presets["quick"], 0)
        model.fit(images, labels)
        assert parameters(model.network_) == expected
        assert model.n_parameters == sum(expected)


def test_same_seed_gives_the_same_network_and_another_seed_another(
    mnist: Dataset,
) -> None:
    images, labels = mnist.train.images[:300], mnist.train.labels[:300]
    scores = []
    for seed in (0, 0, 1):
        model = NetworkClassifier(linear, Recipe(2), seed, Affine())
        model.fit(images, labels)
        scores.append(model.scores(images))
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.abs(scores[0] - scores[2]).max() > 0.01


def test_training_leaves_the_global_generator_as_it_was(mnist: Dataset) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = NetworkClassifier(linear, Recipe(1), 0)
    model.fit(mnist.train.images[:100], mnist.train.labels[:100])
    assert torch.equal(torch.rand(3), expected)


def test_shuffled_labels_score_near_chance(mnist: Dataset) -> None:
    labels = np.random.default_rng(0).permutation(mnist.train.labels[:1000])
    model = NetworkClassifier(linear, Recipe(3), 0)
    model.fit(mnist.train.images[:1000], labels)
    wrong = np.mean(model.predict(mnist.test.images[:1000]) != mnist.test.labels[:1000])
    assert 0.8 < wrong < 0.98


def test_scores_are_log_probabilities(mnist: Dataset) -> None:
    model = NetworkClassifier(linear, Recipe(1), 0)
    model.fit(mnist.train.images[:100], mnist.train.labels[:100])
    scores = model.scores(mnist.test.images[:30])
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, atol=1e-5)


def test_distortion_of_zero_strength_leaves_the_batch() -> None:
    batch = torch.rand(4, 1, 9, 7)
    same = Affine(0, 0, 0, 0)(batch, torch.Generator().manual_seed(0))
    torch.testing.assert_close(same, batch, atol=1e-5, rtol=0)


def test_shift_is_in_pixels_on_both_axes() -> None:
    batch = torch.zeros(200, 1, 20, 30)
    batch[:, 0, 10, 15] = 1
    moved = Affine(0, 0, 0, shift_px=3)(batch, torch.Generator().manual_seed(0))
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    for axis, centre in ((y, 10), (x, 15)):
        distance = ((moved[:, 0] * axis).sum((1, 2)) - centre).abs()
        assert 2.5 < distance.max() <= 3.01


def test_a_turn_keeps_lengths_in_an_oblong_image() -> None:
    maps = Affine(rotation=0.5, scale=0, shear=0, shift_px=0).matrices(
        50, 30, 20, torch.Generator().manual_seed(0)
    )
    half = torch.tensor([15.0, 10.0])  # pixels in one unit along x and y
    in_pixels = half[:, None] * maps[:, :, :2] / half[None, :]
    identity = torch.eye(2).expand(50, 2, 2)
    torch.testing.assert_close(in_pixels @ in_pixels.mT, identity, atol=1e-5, rtol=0)
    assert in_pixels[:, 1, 0].abs().max() > 0.3
