"""Probabilities from scores, checked on training images that were held out.

    scores (n, C) -> softmax(scores / temperature) (n, C)

A temperature is fitted to images that the scoring classifier has not seen (Guo et al.
2017). It is one number for all classes, so the likeliest class stays the same. The
scores of a classifier that is fitted to fewer images differ in scale, which is divided
out first: the scale is the spread of the scores of training images.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import (
    Arrays,
    FloatArray,
    Method,
    Refits,
    Scorer,
    check_layout,
)
from visbase.pipeline.datasets.splits import Split, take
from visbase.pipeline.errors import BadInput

FOLDS = 5  # of the training images of a method that refits
MOST_HELD_OUT = 5000  # images
MOST_SCORED = 500  # training images whose scores have the spread of all
WIDEST = 12.0  # the temperature is between spread * exp(-12) and spread * exp(12)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Turns scores into probabilities, and knows how right these were.

    temperature: what scores are divided by; confidence (m,) float32: the highest
    probability of each held-out training image; right (m,) bool: whether its class was
    the true one. m may be 0.
    """

    temperature: float
    confidence: FloatArray
    right: NDArray[np.bool_]

    def probabilities(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn scores (n, C) into probabilities (n, C) with the same argmax."""
        from scipy.special import softmax

        exact = scores.astype(np.float64)
        return np.asarray(softmax(exact / self.temperature, axis=1))

    def unknown(self, threshold: float) -> tuple[int, int]:
        """Count the held-out images below a probability, and the errors among them."""
        below = self.confidence < threshold
        return int(below.sum()), int((below & ~self.right).sum())

    def arrays(self) -> Arrays:
        """Return the calibration as arrays by name."""
        temperature = np.array([self.temperature], np.float64)
        facts = {"confidence": self.confidence, "right": self.right}
        return {"temperature": temperature, **facts}


def restore_calibration(arrays: Arrays) -> Calibration:
    """Restore a calibration from its `arrays`; BadInput if they are unsound."""
    held_out = {"confidence": "float32 m", "right": "bool m"}
    check_layout(arrays, {"temperature": "float64 1", **held_out})
    (temperature,), confidence = arrays["temperature"].tolist(), arrays["confidence"]
    if temperature <= 0 or ((confidence < 0) | (confidence > 1)).any():
        raise BadInput(
            "calibration: expected a temperature above 0 and probabilities from 0 to 1"
        )
    return Calibration(temperature, confidence, arrays["right"])


def uncalibrated(temperature: float = 1.0) -> Calibration:
    """Divide by a given temperature: 1 suits log-probabilities. Nothing is held out."""
    return Calibration(temperature, np.empty(0, np.float32), np.empty(0, np.bool_))


def calibrate(
    model: Method, build: Callable[[], Method], train: Split, seed: int
) -> Calibration:
    """Calibrate the scores of a model that was fitted to `train`.

    A model that refits holds out each fifth of the images in turn; of more than
    MOST_HELD_OUT images it holds out a fifth once, at most that many. For others,
    `build` returns an unfitted model, which is fitted to one half of the images and
    scores the other. A class with a single image is not held out; if that leaves no
    image, the temperature is a guess, the spread of the scores.
    """
    if isinstance(model, Refits):
        own, scores, held_out = _refitted(model, train, seed)
    else:
        own, scores, held_out = _fitted_to_half(model, build, train, seed)
    if not len(held_out):
        return uncalibrated(own)
    truth = np.unique(train.labels, return_inverse=True)[1][held_out]
    calibration = uncalibrated(fit_temperature(scores, truth))
    confidence = calibration.probabilities(scores).max(axis=1).astype(np.float32)
    right = scores.argmax(axis=1) == truth
    return Calibration(own * calibration.temperature, confidence, right)


def fit_temperature(scores: NDArray[np.floating], truth: NDArray[np.int64]) -> float:
    """Fit the temperature that minimises the log loss of scores (n, C), truth (n,).

    As if one of n + 2 images had a class at random (after Platt 1999): without it, n
    correct answers would be worth a probability of 1.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    exact, at_random = scores.astype(np.float64), 1 / (len(truth) + 2)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        logs = log_softmax(exact / np.exp(log_temperature), axis=1)
        right, any_class = logs[rows, truth].mean(), logs.mean()
        return float((at_random - 1) * right - at_random * any_class)

    found = minimize_scalar(loss, bounds=(-WIDEST, WIDEST), method="bounded")
    return float(np.exp(found.x))


def _refitted(
    model: Refits, train: Split, seed: int
) -> tuple[float, FloatArray, NDArray[np.int64]]:
    """Spread of the model's scores; scaled scores of held-out images, their rows."""
    features, labels = model.features(train.images), train.labels
    spread = _spread(model.scores_of, features)
    n_parts = max(FOLDS, -(-len(labels) // MOST_HELD_OUT))
    folds = range(FOLDS if len(labels) <= MOST_HELD_OUT else 1)
    parts, scores, rows = _parts(train, n_parts, seed), [], []
    for fold in folds:
        held_out = np.flatnonzero(parts == fold)
        rest = features[parts != fold]
        if len(held_out):
            scorer = model.refit(rest, labels[parts != fold])
            scores.append(scorer(features[held_out]) / _spread(scorer, rest))
            rows.append(held_out)
    if not rows:
        return spread, np.empty((0, 0), np.float32), np.empty(0, np.int64)
    return spread, np.concatenate(scores), np.concatenate(rows)


def _fitted_to_half(
    model: Method, build: Callable[[], Method], train: Split, seed: int
) -> tuple[float, FloatArray, NDArray[np.int64]]:
    """Like `_refitted`, for any model."""
    parts = _parts(train, 2, seed)
    held_out = np.flatnonzero(parts == 0)
    own = _spread_of(model, train)
    if not len(held_out):
        return own, np.empty((0, 0), np.float32), held_out
    print("  fitting to half of the images, to calibrate the scores", file=sys.stderr)
    half, other = build(), take(train, np.flatnonzero(parts != 0))
    half.fit(other.images, other.labels)
    scores = half.scores(take(train, held_out).images)
    return own, scores / _spread_of(half, other), held_out


def _parts(train: Split, n_parts: int, seed: int) -> NDArray[np.int64]:
    """Divide the images of each class at random among parts: the part of each, (n,).

    Every class is in every union of parts but one: a single image is in part -1. Where
    the writers are known, no writer is in two parts: a model is surer of new digits by
    those it has learned from.
    """
    rng, labels = np.random.default_rng(seed), train.labels
    if train.writers is not None:
        people = np.unique(train.writers.ids, return_inverse=True)[1]
        parts = rng.permutation(people.max() + 1)[people] % n_parts
        for label in np.unique(labels):
            if len(np.unique(parts[labels == label])) == 1:
                parts[labels == label] = -1
        return parts
    parts, n = np.full(len(labels), -1), 0
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        if len(rows) > 1:
            parts[rows] = np.arange(n, n + len(rows)) % n_parts
            n += len(rows)
    return parts


def _spread(scorer: Scorer, features: FloatArray) -> float:
    step = -(-len(features) // MOST_HELD_OUT)
    return float(scorer(features[::step]).std(dtype=np.float64)) or 1.0


def _spread_of(model: Method, train: Split) -> float:
    step = -(-len(train) // MOST_SCORED)
    return float(model.scores(train.images[::step]).std(dtype=np.float64)) or 1.0
