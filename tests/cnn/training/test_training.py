"""The trainer and the network classifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.command_line import refusal
from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.device import choose_device, multiplies_bfloat16
from visbase.cnn.training.trainer import Recipe, _loss_sum
from visbase.cnn.training.views import CropsAndWhole, shifted_views
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput

Digits = tuple[np.ndarray, np.ndarray]


def linear(height: int, width: int, n_classes: int, channels: int) -> nn.Module:
    n_inputs = channels * height * width
    return nn.Sequential(nn.Flatten(), nn.Linear(n_inputs, n_classes))


def trained(
    digits: Digits, recipe: Recipe, seed: int = 0, **settings: Any
) -> NetworkClassifier:
    """One linear layer, trained on the digits."""
    model = NetworkClassifier(linear, recipe, seed, **settings)
    model.fit(*digits)
    return model


def first(mnist: Dataset, n: int) -> Digits:
    return mnist.train.images[:n], mnist.train.labels[:n]


def error_of(model: NetworkClassifier, mnist: Dataset) -> float:
    """The share of errors on 1,000 test images."""
    return np.mean(model.predict(mnist.test.images[:1000]) != mnist.test.labels[:1000])


def test_seed_decides_the_network(
    digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = []
    for i, seed in enumerate((0, 0, 1)):
        monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / str(i)))  # train again
        model = trained(digits, Recipe(2), seed, augment=Distortion())
        scores.append(model.scores(digits[0]))
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.abs(scores[0] - scores[2]).max() > 0.01


def test_training_leaves_the_global_generator_unchanged(digits: Digits) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(digits, Recipe(1))
    assert torch.equal(torch.rand(3), expected)


def test_shuffled_labels_score_near_chance(mnist: Dataset) -> None:
    images, labels = first(mnist, 1000)
    shuffled = np.random.default_rng(0).permutation(labels)
    model = trained((images, shuffled), Recipe(3))
    assert 0.8 < error_of(model, mnist) < 0.98


def test_balanced_classes_count_the_same_in_the_loss(fresh_folders: Path) -> None:
    images, labels = np.zeros((90, 4, 4), np.uint8), np.repeat([0, 1], [10, 80])
    for balanced, smoothing, expected in (
        (True, 0.0, [0.5, 0.5]),
        (True, 0.2, [0.5, 0.5]),
        (False, 0.0, [1 / 9, 8 / 9]),
    ):
        recipe = Recipe(60, learning_rate=0.1, weight_decay=0)
        recipe = replace(recipe, balanced=balanced, label_smoothing=smoothing)
        model = NetworkClassifier(linear, recipe, 0)  # only the bias can learn
        model.fit(images, labels)
        probabilities = np.exp(model.scores(images[:1]))[0]
        np.testing.assert_allclose(probabilities, expected, atol=0.05)


def test_smoothed_targets_of_balanced_classes_keep_their_class() -> None:
    counts = torch.tensor([1000.0, 10.0])
    logits = torch.zeros(2, 2, requires_grad=True)
    loss = _loss_sum(
        logits,
        torch.tensor([0, 1]),
        Recipe(1, label_smoothing=0.2, balanced=True),
        counts.sum() / 2 / counts,
    )
    loss.backward()
    # the gradient is w (p - target), with p of 0.5 and targets of 0.9 and 0.1
    expected = 0.4 * torch.tensor([[-0.505, 0.505], [50.5, -50.5]])
    torch.testing.assert_close(logits.grad, expected)


def test_wrong_setting_of_a_recipe_is_named() -> None:
    wrong = {"optimiser": "adam", "schedule": "step", "learning_rate": 0.0}
    wrong |= {"label_smoothing": 1.0, "epochs": 0, "batch_size": 0}
    for name, value in wrong.items():
        with pytest.raises(BadInput, match=f"^{name}={value}: expected"):
            Recipe(**{"epochs": 1, name: value})  # type: ignore[arg-type]


def test_fewer_images_get_more_epochs_by_the_root_of_their_number() -> None:
    recipe = Recipe(60, epochs_for=3400)
    epochs = [recipe.for_images(n).epochs for n in (3400, 850, 13_600, 10**9)]
    assert epochs == [60, 120, 30, 1]
    assert Recipe(60).for_images(5) == Recipe(60)


def test_training_that_diverges_says_so(digits: Digits) -> None:
    with pytest.raises(BadInput, match="lower learning_rate"):
        trained(digits, Recipe(2, optimiser="sgd", learning_rate=1e38))


def test_batch_smaller_than_the_number_of_processes_is_refused(
    digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visbase.cnn.training.trainer.join_processes", lambda _: 0)
    monkeypatch.setattr("visbase.cnn.training.trainer.n_processes", lambda: 4)
    with pytest.raises(BadInput, match=r"^batch_size=3: expected at least 4"):
        trained(digits, Recipe(1, batch_size=3))


def test_plateau_holds_out_a_sixth_of_images_sorted_by_class(mnist: Dataset) -> None:
    images, labels = first(mnist, 600)
    by_class = np.argsort(labels, kind="stable")  # as those of a folder
    recipe = Recipe(12, schedule="plateau", learning_rate=1e-3, patience=2)
    (history,) = trained((images[by_class], labels[by_class]), recipe).histories
    validation_pct = [epoch.validation_pct for epoch in history]
    assert validation_pct[-1] < 40  # a class without training images has 100
    assert validation_pct == pytest.approx(np.round(validation_pct))  # 100 images


def test_rate_steps_down_where_nothing_can_be_learned(mnist: Dataset) -> None:
    images, labels = first(mnist, 600)
    shuffled = np.random.default_rng(0).permutation(labels)
    recipe = Recipe(12, schedule="plateau", learning_rate=1e-3, patience=2)
    (history,) = trained((images, shuffled), recipe).histories
    assert min(epoch.validation_pct for epoch in history) > 70
    assert history[0].rate == 1e-3 and history[-1].rate < 2e-4


def test_missing_device_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISBASE_DEVICE", "auto")  # put back after the command
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device() == torch.device("cpu")
    expected = "'cuda' is not available; choose from: cpu"
    assert expected in refusal("run", "mlp2", "--device", "cuda")


def test_bfloat16_trains_like_float32_and_is_named(mnist: Dataset) -> None:
    errors = []
    for bfloat16 in (False, True):
        model = trained(first(mnist, 1000), Recipe(4, bfloat16=bfloat16))
        errors.append(error_of(model, mnist))
        named = model.device.endswith(", bfloat16")
        assert named == (bfloat16 and multiplies_bfloat16(torch.device("cpu")))
        assert all(p.dtype == torch.float32 for p in model.network_.parameters())
    assert abs(errors[0] - errors[1]) < 0.02


def test_bfloat16_is_not_used_on_a_processor_that_would_emulate_it(
    digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    models = [trained(digits, Recipe(2, bfloat16=yes)) for yes in (False, True)]
    assert [model.device for model in models] == ["cpu", "cpu"]
    np.testing.assert_array_equal(*(model.scores(digits[0]) for model in models))


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


def test_views_are_the_corners_the_middle_the_whole_and_their_mirror_images() -> None:
    image = torch.arange(1.0, 17).view(1, 1, 4, 4)
    views = [view[0, 0].tolist() for view in CropsAndWhole(2)(image)]
    assert (
        views
        == [
            [[1, 2], [5, 6]],
            [[3, 4], [7, 8]],
            [[9, 10], [13, 14]],
            [[11, 12], [15, 16]],
            [[6, 7], [10, 11]],
            [[3.5, 5.5], [11.5, 13.5]],  # means of two by two
            *([[b, a], [d, c]] for (a, b), (c, d) in views[:6]),
        ]
    )


def test_averaged_views_predict_their_mean_probability(digits: Digits) -> None:
    single = trained(digits, Recipe(2))
    averaged = trained(digits, Recipe(2), views=shifted_views)
    images = digits[0][:5]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    moves = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    views = [padded[:, y : y + 28, x : x + 28] for y, x in moves]
    expected = np.mean([np.exp(single.scores(view)) for view in views], axis=0)
    np.testing.assert_allclose(np.exp(averaged.scores(images)), expected, atol=1e-5)
    assert not np.allclose(expected, np.exp(single.scores(images)), atol=1e-3)
