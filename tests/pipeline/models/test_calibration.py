"""Probabilities of scores: the temperature, what is held out, what a file keeps."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from scipy.special import softmax

from tests.pipeline.saved_models import Change, resave
from tests.pipeline.small_methods import N_TRAIN
from visbase.pipeline.datasets.splits import Dataset, Split, Writers, part, take
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import expected_calibration_error, log_loss
from visbase.pipeline.models.calibration import (
    Calibration,
    _parts,
    calibrate,
    fit_temperature,
    uncalibrated,
)
from visbase.pipeline.models.file import load_model, save_model


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, 4), and a label for each that was drawn from their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 4))
    picked = softmax(logits, axis=1).cumsum(axis=1) > rng.random((n, 1))
    return logits, picked.argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.02, 1.0, 300.0])
def test_temperature_of_synthetic_logits_is_found_and_the_error_falls(
    temperature: float,
) -> None:
    logits, truth = drawn(4000, 0)
    scores = (logits * temperature).astype(np.float32)
    assert fit_temperature(scores, truth) == pytest.approx(temperature, rel=0.06)
    others, of_others = drawn(4000, 1)
    others *= temperature
    found = uncalibrated(fit_temperature(scores, truth)).probabilities(others)
    assert expected_calibration_error(of_others, found) < 0.025
    assert np.array_equal(found.argmax(axis=1), others.argmax(axis=1))
    for wrong in (3 * temperature, temperature / 3):
        guess = uncalibrated(wrong).probabilities(others)
        assert expected_calibration_error(of_others, guess) > 0.1
        assert log_loss(of_others, guess) > log_loss(of_others, found)


def test_images_that_are_all_right_are_not_worth_a_probability_of_one() -> None:
    scores = np.array([[1.0, -1.0], [-1.0, 1.0]] * 4)
    temperature = fit_temperature(scores, np.array([0, 1] * 4))
    (row, *_) = uncalibrated(temperature).probabilities(scores)
    # one of 10 images has a class at random: half of 0.1 is wrong
    assert row == pytest.approx([0.95, 0.05], abs=1e-4)


def test_unknown_images_and_their_errors_are_counted_by_hand() -> None:
    confidence = np.array([0.9, 0.5, 0.4, 0.8, 0.3], np.float32)
    right = np.array([True, False, True, False, False])
    calibration = Calibration(1.0, confidence, right)
    counts = {0.0: (0, 0), 0.5: (2, 1), 0.6: (3, 2), 1.0: (5, 3)}
    for threshold, expected in counts.items():
        assert calibration.unknown(threshold) == expected


class Nearest:
    """Scores by distance to class means, in units of the number of training images."""

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.scorer = self.refit(self.features(images), labels)
        self.fitted_to = len(labels)

    def features(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(images, np.float32)

    def refit(self, rows: np.ndarray, labels: np.ndarray):  # type: ignore[no-untyped-def]
        means = np.stack([rows[labels == c].mean(axis=0) for c in np.unique(labels)])
        scale = 1000 / len(rows)
        return lambda x: -scale * np.square(x[:, None] - means).sum(axis=2)

    def scores_of(self, rows: np.ndarray) -> np.ndarray:
        return self.scorer(rows)

    def scores(self, images: np.ndarray) -> np.ndarray:
        return self.scorer(self.features(images))


class Whole:
    """The same, but without its parts."""

    def __init__(self) -> None:
        self.inner = Nearest()
        self.fit, self.scores = self.inner.fit, self.inner.scores


def clusters(n: int, seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    points = np.eye(3)[labels] * 2 + rng.normal(0, 1, (n, 3))
    return Split(points, labels, [""] * n)


def test_no_writer_is_in_two_parts_and_no_class_in_one_part_alone() -> None:
    ids = np.arange(60) // 3  # each with images of all three classes
    labels = np.append(clusters(60).labels, 3)
    writers = Writers(np.append(ids, 0), np.repeat("all", 61))
    split = Split(np.zeros((61, 3)), labels, [""] * 61, writers)
    parts = _parts(split, 5, seed=0)
    assert parts[-1] == -1  # a class of one image
    by_writer = parts[:-1].reshape(20, 3)
    assert (by_writer == by_writer[:, :1]).all()
    assert np.bincount(by_writer[:, 0]).tolist() == [4] * 5


@pytest.mark.parametrize("kind", [Nearest, Whole])
def test_probabilities_of_new_images_are_calibrated_though_scores_shrink(
    kind: type,
) -> None:
    train, test = clusters(900), clusters(3000, seed=1)
    model, build = kind(), Mock(side_effect=kind)
    model.fit(train.images, train.labels)
    calibration = calibrate(model, build, train, 0)
    found = calibration.probabilities(model.scores(test.images))
    assert expected_calibration_error(test.labels, found) < 0.03
    assert build.call_count == (kind is Whole)
    # each image is held out once; of a whole model, one half is
    assert len(calibration.right) == (450 if kind is Whole else 900)
    assert calibration.confidence.mean() == pytest.approx(
        calibration.right.mean(), abs=0.03
    )
    again = calibrate(model, kind, train, 0)
    assert again.temperature == calibration.temperature
    assert calibrate(model, kind, train, 1).temperature != calibration.temperature


@pytest.mark.parametrize("kind", [Nearest, Whole])
def test_single_image_of_a_class_stays_in_training(kind: type) -> None:
    train = take(clusters(30), np.array([0, 1, 3, 4, 6, 7, 9, 2]))
    model = kind()
    model.fit(train.images, train.labels)
    n_held_out = len(calibrate(model, kind, train, 0).right)
    assert n_held_out == (7 if kind is Nearest else 4)
    each_once = take(train, np.array([0, 1, 7]))
    model.fit(each_once.images, each_once.labels)
    guess = calibrate(model, kind, each_once, 0)
    assert len(guess.right) == 0
    assert guess.temperature == model.scores(each_once.images).std()


def test_saved_calibration_is_the_same_to_the_bit(
    calibrated: Path, mnist: Dataset, tmp_path: Path
) -> None:
    model = load_model(calibrated)
    assert model.calibration is not None
    assert len(model.calibration.right) == N_TRAIN
    test = part(mnist.test, slice(0, 300))
    found = model.probabilities(test.images)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1)
    scores = model.classifier.scores(test.images)
    assert np.array_equal(found.argmax(axis=1), scores.argmax(axis=1))
    assert expected_calibration_error(test.labels, found) < 0.1
    save_model(
        tmp_path / "again", model.classifier, model.card, calibration=model.calibration
    )
    again = load_model(tmp_path / "again")
    assert again.calibration is not None
    kept = model.calibration.arrays()
    for name, array in again.calibration.arrays().items():
        assert array.tobytes() == kept[name].tobytes()
    assert np.array_equal(again.probabilities(test.images), found)


def test_model_without_calibration_predicts_but_has_no_probabilities(
    saved: Path, train: Split
) -> None:
    model = load_model(saved)
    assert len(model.predict(train.images[:2])) == 2
    with pytest.raises(BadInput, match=r"no calibration.*--save"):
        model.probabilities(train.images[:2])


@pytest.mark.parametrize(
    ("change", "keyword"),
    [
        (lambda _, a: a.pop("calibration.right"), "'right'"),
        (lambda _, a: a.update({"calibration.x": np.zeros(1)}), "'x'"),
        (lambda _, a: a.update({"calibration.temperature": np.zeros(1)}), "above 0"),
        (lambda _, a: a.update({"calibration.temperature": np.ones(2)}), "shape"),
        (lambda _, a: np.put(a["calibration.temperature"], 0, np.nan), "NaN"),
        (lambda _, a: np.put(a["calibration.confidence"], 0, 2), "from 0 to 1"),
        (lambda _, a: np.put(a["calibration.confidence"], 0, -1), "from 0 to 1"),
        (lambda _, a: a.update({"calibration.right": np.ones(3)}), "float64"),
    ],
)
def test_unsound_calibration_is_refused_in_one_line(
    change: Change, keyword: str, saved: Path, tmp_path: Path
) -> None:
    sound = load_model(saved)
    calibration = Calibration(2.0, np.full(4, 0.5, np.float32), np.ones(4, bool))
    save_model(tmp_path / "sound", sound.classifier, sound.card, calibration)
    with pytest.raises(BadInput, match=keyword) as caught:
        load_model(resave(tmp_path / "sound", tmp_path / "m", change))
    assert "\n" not in str(caught.value)
