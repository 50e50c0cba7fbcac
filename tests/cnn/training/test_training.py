"""The trainer and the network classifier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.device import multiplies_bfloat16
from visbase.cnn.training.trainer import Recipe
from visbase.cnn.training.views import shifted_views
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput

Make = Callable[..., NetworkClassifier]
Digits = tuple[np.ndarray, np.ndarray]


def test_same_seed_gives_the_same_network_and_another_seed_another(
    make_linear: Make, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = []
    for i, seed in enumerate((0, 0, 1)):
        monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / str(i)))  # train again
        model = make_linear(Recipe(2), seed, augment=Distortion())
        model.fit(*digits)
        scores.append(model.scores(digits[0]))
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.abs(scores[0] - scores[2]).max() > 0.01


def test_training_leaves_the_global_generator_unchanged(
    make_linear: Make, digits: Digits
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make_linear(Recipe(1)).fit(*digits)
    assert torch.equal(torch.rand(3), expected)


def test_shuffled_labels_score_near_chance(make_linear: Make, mnist: Dataset) -> None:
    labels = np.random.default_rng(0).permutation(mnist.train.labels[:1000])
    model = make_linear(Recipe(3))
    model.fit(mnist.train.images[:1000], labels)
    wrong = np.mean(model.predict(mnist.test.images[:1000]) != mnist.test.labels[:1000])
    assert 0.8 < wrong < 0.98


@pytest.mark.parametrize(
    "wrong",
    [
        {"optimiser": "adam"},
        {"schedule": "step"},
        {"learning_rate": 0.0},
        {"label_smoothing": 1.0},
        {"epochs": 0},
        {"batch_size": 0},
    ],
    ids=str,
)
def test_wrong_setting_of_a_recipe_is_named(wrong: dict[str, object]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(BadInput, match=f"^{name}={value}: expected"):
        Recipe(**({"epochs": 1} | wrong))  # type: ignore[arg-type]


def test_training_that_diverges_says_so(make_linear: Make, digits: Digits) -> None:
    model = make_linear(Recipe(2, optimiser="sgd", learning_rate=1e38))
    with pytest.raises(BadInput, match="lower learning_rate"):
        model.fit(*digits)


def test_batch_smaller_than_the_number_of_processes_is_refused(
    make_linear: Make, digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visbase.cnn.training.trainer.join_processes", lambda _: 0)
    monkeypatch.setattr("visbase.cnn.training.trainer.n_processes", lambda: 4)
    with pytest.raises(BadInput, match=r"^batch_size=3: expected at least 4"):
        make_linear(Recipe(1, batch_size=3)).fit(*digits)


def test_plateau_holds_out_the_last_sixth_and_steps_down(
    make_linear: Make, mnist: Dataset
) -> None:
    labels = mnist.train.labels[:600].copy()
    labels[500:] = (labels[500:] + 1) % 10  # held out: cannot be learned
    model = make_linear(Recipe(12, schedule="plateau", learning_rate=1e-3, patience=2))
    model.fit(mnist.train.images[:600], labels)
    (history,) = model.histories
    assert history[-1].error_pct < 30
    assert all((epoch.validation_pct or 0) > 70 for epoch in history)
    assert history[0].rate == 1e-3
    assert history[-1].rate < 2e-4


def test_bfloat16_trains_like_float32_and_is_named_with_the_device(
    make_linear: Make, mnist: Dataset
) -> None:
    images, labels = mnist.test.images[:1000], mnist.test.labels[:1000]
    error = {}
    for bfloat16 in (False, True):
        model = make_linear(Recipe(4, bfloat16=bfloat16))
        model.fit(mnist.train.images[:1000], mnist.train.labels[:1000])
        error[bfloat16] = np.mean(model.predict(images) != labels)
        named = model.device.endswith(", bfloat16")
        assert named == (bfloat16 and multiplies_bfloat16(torch.device("cpu")))
        assert all(p.dtype == torch.float32 for p in model.network_.parameters())
    assert abs(error[True] - error[False]) < 0.02


def test_bfloat16_is_not_used_on_a_processor_that_would_emulate_it(
    make_linear: Make, digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    scores = []
    for bfloat16 in (False, True):
        model = make_linear(Recipe(2, bfloat16=bfloat16))
        model.fit(*digits)
        assert model.device == "cpu"
        scores.append(model.scores(digits[0]))
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


def test_average_views_predicts_the_mean_probability_of_the_views(
    make_linear: Make, digits: Digits
) -> None:
    single, averaged = (
        make_linear(Recipe(2), average_views=average) for average in (False, True)
    )
    single.fit(*digits)
    averaged.fit(*digits)
    images = digits[0][:5]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    moves = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    views = [padded[:, y : y + 28, x : x + 28] for y, x in moves]
    expected = np.mean([np.exp(single.scores(view)) for view in views], axis=0)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.exp(averaged.scores(images)), expected, atol=1e-5)
    assert not np.allclose(expected, np.exp(single.scores(images)), atol=1e-3)
