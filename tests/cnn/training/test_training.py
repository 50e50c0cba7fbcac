"""The trainer, its distortions and the network classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.mlp2 import PRESETS as MLP2
from visbase.cnn.mlp2 import build as build_mlp2
from visbase.cnn.mlp3 import PRESETS as MLP3
from visbase.cnn.mlp3 import build as build_mlp3
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.device import multiplies_bfloat16
from visbase.cnn.training.trainer import Recipe
from visbase.cnn.training.views import shifted_views
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput


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
        model = NetworkClassifier(linear, Recipe(2), seed, Distortion())
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
    same = Distortion(0, 0, 0, 0)(batch, torch.Generator().manual_seed(0))
    torch.testing.assert_close(same, batch, atol=1e-5, rtol=0)


def test_shift_is_in_pixels_on_both_axes() -> None:
    batch = torch.zeros(200, 1, 20, 30)
    batch[:, 0, 10, 15] = 1
    moved = Distortion(0, 0, 0, shift_px=3)(batch, torch.Generator().manual_seed(0))
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    for axis, centre in ((y, 10), (x, 15)):
        distance = ((moved[:, 0] * axis).sum((1, 2)) - centre).abs()
        assert 2.5 < distance.max() <= 3.01


def test_a_turn_keeps_lengths_in_an_oblong_image() -> None:
    maps = Distortion(rotation=0.5, scale=0, shear=0, shift_px=0).matrices(
        50, 30, 20, torch.Generator().manual_seed(0)
    )
    half = torch.tensor([15.0, 10.0])  # pixels in one unit along x and y
    in_pixels = half[:, None] * maps[:, :, :2] / half[None, :]
    identity = torch.eye(2).expand(50, 2, 2)
    torch.testing.assert_close(in_pixels @ in_pixels.mT, identity, atol=1e-5, rtol=0)
    assert in_pixels[:, 1, 0].abs().max() > 0.3


def test_elastic_field_has_the_strength_and_smoothness_that_are_asked() -> None:
    how = Distortion(elastic_px=1.5, elastic_sigma_px=3.0)
    fields = how.displacements(20, 80, 90, torch.Generator().manual_seed(0))
    assert fields.shape == (20, 80, 90, 2)
    inner = fields[:, 15:-15, 15:-15]
    assert abs(float(inner.square().mean().sqrt()) - 1.5) < 0.1
    # white noise smoothed by sigma correlates as exp(-(d / 2 sigma)^2)
    neighbours = (inner[:, 3:] * inner[:, :-3]).mean() / inner.square().mean()
    assert abs(float(neighbours) - np.exp(-((3 / 6) ** 2))) < 0.05


def test_elastic_distortion_moves_pixels_by_its_displacements() -> None:
    ramp = torch.arange(40.0).expand(1, 1, 40, 40).clone()  # a pixel's value is its x
    how = Distortion(0, 0, 0, 0, elastic_px=1.0)
    bent = how(ramp, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    how.matrices(1, 40, 40, generator)  # draws before the field, as the batch does
    moved = how.displacements(1, 40, 40, generator)[0, :, :, 0]
    inner = (slice(5, -5), slice(5, -5))
    torch.testing.assert_close((bent - ramp)[0, 0][inner], moved[inner])


def test_flip_mirrors_about_half_of_the_images_and_is_off_by_default() -> None:
    batch = torch.rand(200, 1, 8, 6)
    flipped = Distortion(0, 0, 0, 0, flip=True)(batch, torch.Generator().manual_seed(0))

    def alike(others: Tensor) -> Tensor:
        differences = (flipped - others).abs().amax((1, 2, 3))
        return differences < 1e-5

    mirrored, same = alike(batch.flip(3)), alike(batch)
    assert (mirrored ^ same).all()
    assert 70 < mirrored.sum() < 130
    assert not Distortion().flip


@pytest.mark.parametrize(
    "wrong", [{"optimiser": "adam"}, {"schedule": "step"}, {"epochs": 0}], ids=str
)
def test_recipe_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=r"expected|at least one"):
        Recipe(**({"epochs": 1} | wrong))  # type: ignore[arg-type]


def test_training_that_diverges_says_so(mnist: Dataset, fresh_folders: Path) -> None:
    model = NetworkClassifier(linear, Recipe(2, optimiser="sgd", learning_rate=1e38), 0)
    with pytest.raises(BadInput, match="lower learning_rate"):
        model.fit(mnist.train.images[:300], mnist.train.labels[:300])


def test_plateau_holds_out_the_last_sixth_and_steps_down(
    mnist: Dataset, fresh_folders: Path
) -> None:
    labels = mnist.train.labels[:600].copy()
    labels[500:] = (labels[500:] + 1) % 10  # held out: nothing can be learned for them
    recipe = Recipe(12, schedule="plateau", learning_rate=1e-3, patience=2)
    model = NetworkClassifier(linear, recipe, 0)
    model.fit(mnist.train.images[:600], labels)
    (history,) = model.histories
    assert history[-1].error_pct < 30
    assert all(epoch.validation_pct is not None for epoch in history)
    assert min(epoch.validation_pct or 0 for epoch in history) > 70
    assert history[0].rate == 1e-3
    assert history[-1].rate < 2e-4


def test_bfloat16_trains_about_as_float32_does_and_is_named_with_the_device(
    mnist: Dataset, fresh_folders: Path
) -> None:
    images, labels = mnist.train.images[:1000], mnist.train.labels[:1000]
    wrong = {}
    for bfloat16 in (False, True):
        recipe = Recipe(4, bfloat16=bfloat16)
        model = NetworkClassifier(linear, recipe, 0)
        model.fit(images, labels)
        right = model.predict(mnist.test.images[:1000]) == mnist.test.labels[:1000]
        wrong[bfloat16] = 1 - right.mean()
        named = model.device.endswith(", bfloat16")
        assert named == (bfloat16 and multiplies_bfloat16(torch.device("cpu")))
        assert all(p.dtype == torch.float32 for p in model.network_.parameters())
    assert abs(wrong[True] - wrong[False]) < 0.02


def test_bfloat16_is_not_used_where_the_processor_would_emulate_it(
    mnist: Dataset, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = mnist.train.images[:200], mnist.train.labels[:200]
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    scores = []
    for bfloat16 in (False, True):
        model = NetworkClassifier(linear, Recipe(2, bfloat16=bfloat16), 0)
        model.fit(images, labels)
        assert model.device == "cpu"
        scores.append(model.scores(images))
    np.testing.assert_array_equal(*scores)


def test_shifted_views_are_the_image_and_its_moves_by_one_pixel() -> None:
    image = torch.arange(1.0, 7).view(1, 1, 2, 3)
    views = [view[0, 0].tolist() for view in shifted_views(image)]
    assert views == [
        [[1, 2, 3], [4, 5, 6]],
        [[1, 2, 3], [1, 2, 3]],  # down: the upper border is repeated
        [[4, 5, 6], [4, 5, 6]],
        [[1, 1, 2], [4, 4, 5]],  # right
        [[2, 3, 3], [5, 6, 6]],
    ]


def test_average_views_answers_with_the_mean_probability_of_the_views(
    mnist: Dataset, fresh_folders: Path
) -> None:
    images, labels = mnist.train.images[:300], mnist.train.labels[:300]
    one, five = (
        NetworkClassifier(linear, Recipe(2), 0, average_views=average)
        for average in (False, True)
    )
    one.fit(images, labels)
    five.fit(images, labels)
    padded = np.pad(images[:5], ((0, 0), (1, 1), (1, 1)), mode="edge")
    moves = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    views = [padded[:, y : y + 28, x : x + 28] for y, x in moves]
    expected = np.mean([np.exp(one.scores(view)) for view in views], axis=0)
    np.testing.assert_allclose(np.exp(five.scores(images[:5])), expected, atol=1e-5)
    assert not np.allclose(expected, np.exp(one.scores(images[:5])), atol=1e-3)
