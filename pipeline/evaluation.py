"""Evaluation: integer vectors and counts in, numbers out; no model, no file."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]

Z_95 = 1.959963984540054  # 97.5 % point of the standard normal distribution


def n_errors(truth: IntArray, prediction: IntArray) -> int:
    """Images (n,) whose prediction (n,) is not the truth."""
    if truth.shape != prediction.shape:
        raise ValueError(
            f"{len(truth)} true labels but {len(prediction)} predictions; "
            "they must be of the same images"
        )
    return int(np.count_nonzero(truth != prediction))


def error_pct(errors: float, n: int) -> float:
    """Errors of n images in percent."""
    return 100 * errors / n


def wilson_interval(errors: float, n: int) -> tuple[float, float]:
    """95 % interval of a rate, errors of n (Wilson 1927), as fractions.

    errors may be a mean over seeds. Unlike the normal interval it stays inside [0, 1]
    and is not empty at zero errors.
    """
    if n < 1 or not 0 <= errors <= n:
        raise ValueError(f"{errors} errors of {n} images is no rate")
    rate, z2 = errors / n, Z_95**2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1); the deviation of one value is NaN."""
    if not values:
        raise ValueError("no values to average")
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return float(np.mean(values)), deviation


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of percentages (Student 1908), cut to 0 to 100.

    NaN twice for a single value.
    """
    from scipy.stats import t

    mean, deviation = mean_and_deviation(values)
    if len(values) < 2:
        return math.nan, math.nan
    half = float(t.ppf(0.975, len(values) - 1)) * deviation / math.sqrt(len(values))
    return max(0.0, mean - half), min(100.0, mean + half)


def mcnemar_exact(truth: IntArray, first: IntArray, second: IntArray) -> float:
    """Two-sided p-value that two classifiers err equally often (McNemar 1947).

    truth, first, second (n,) labels. Only images that exactly one of them gets right
    count; under the hypothesis each is a coin flip, so the tail is binomial.
    """
    if not truth.shape == first.shape == second.shape:
        raise ValueError("truth and predictions must be of the same images")
    only_first = int(np.count_nonzero((first == truth) & (second != truth)))
    only_second = int(np.count_nonzero((first != truth) & (second == truth)))
    flips = only_first + only_second
    tail = sum(math.comb(flips, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / 2**flips)


def confusion_matrix(
    truth: IntArray, prediction: IntArray, n_classes: int
) -> NDArray[np.int64]:
    """Counts (C, C) of truth (row) against prediction (column), labels from 0."""
    n_errors(truth, prediction)  # of the same images
    if len(truth) and not min(truth.min(), prediction.min()) >= 0:
        raise ValueError("labels count from 0")
    cells = truth.astype(np.int64) * n_classes + prediction
    if len(cells) and max(truth.max(), prediction.max()) >= n_classes:
        raise ValueError(f"a label outside 0 to {n_classes - 1}")
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_error_rates(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Part of each class's images that got another label, (C, C) -> (C,).

    NaN for a class without images.
    """
    sizes = confusion.sum(axis=1)
    rates = np.full(len(sizes), np.nan)
    np.divide(sizes - np.diag(confusion), sizes, out=rates, where=sizes > 0)
    return rates


def precision_recall_f1(
    confusion: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and F1 of each class as fractions, (C, C) -> three (C,).

    NaN where undefined: precision of a class that was never predicted, recall of a
    class without images, and F1 = 2 hits / (images + predictions) of one with neither.
    """
    hits = np.diag(confusion).astype(np.float64)
    images, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    both = images + predicted

    def ratio(part: NDArray[np.float64], n: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.divide(part, n, out=np.full(len(n), np.nan), where=n > 0)

    return ratio(hits, predicted), ratio(hits, images), ratio(2 * hits, both)


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Mean F1 of the classes that have an image or a prediction, as a fraction."""
    return float(np.nanmean(precision_recall_f1(confusion)[2]))


def balanced_accuracy(confusion: NDArray[np.int64]) -> float:
    """Mean recall of the classes that have images, as a fraction."""
    return float(np.nanmean(precision_recall_f1(confusion)[1]))


def log_loss(truth: IntArray, probabilities: NDArray[np.floating]) -> float:
    """Mean of -log of the true class's probability, natural logarithm.

    truth (n,) as columns of probabilities (n, C). A probability of 0 counts as the
    smallest step above 1 in float64, 2.2e-16: one such image does not make it infinite.
    """
    if not len(truth) == len(probabilities) > 0:
        raise ValueError("truth and probabilities must be of the same images")
    own = np.take_along_axis(probabilities, truth[:, None].astype(np.int64), axis=1)
    least = np.finfo(np.float64).eps
    return float(-np.log(np.clip(own.astype(np.float64), least, 1)).mean())


def cohens_kappa(confusion: NDArray[np.int64]) -> float:
    """Agreement of two labellings beyond chance (Cohen 1960); 1 where both are one.

    confusion (C, C): counts of one labelling against the other.
    """
    n = confusion.sum()
    agreed = np.trace(confusion) / n
    by_chance = confusion.sum(axis=0) @ confusion.sum(axis=1) / n**2
    return 1.0 if by_chance == 1 else float((agreed - by_chance) / (1 - by_chance))


def agreement(predictions: Sequence[IntArray]) -> NDArray[np.float64]:
    """Part of the images that two methods label alike, for all pairs: (m, m)."""
    labels = np.stack(predictions)
    return (labels[:, None] == labels[None]).mean(axis=2)


def n_failures(truth: IntArray, predictions: Sequence[IntArray]) -> NDArray[np.int64]:
    """How many of the methods get each image wrong, (n,).

    Images where that is all of them are the oracle's errors: whichever method were
    picked for each image by somebody who knows, it would be wrong.
    """
    return (np.stack(predictions) != truth).sum(axis=0)


def half_error_rates(truth: IntArray, prediction: IntArray) -> tuple[float, float]:
    """Error of the first and of the last half of the images.

    MNIST's test images 0 to 4,999 are by students and 5,000 to 9,999 by employees of
    the Census Bureau (QMNIST, Yadav & Bottou 2019), whose digits are cleaner: a method
    that does as well on both may have seen them.
    """
    wrong = truth != prediction
    half = len(wrong) // 2
    return float(wrong[:half].mean()), float(wrong[half:].mean())


def expected_calibration_error(
    truth: IntArray, probabilities: NDArray[np.floating], n_bins: int = 15
) -> float:
    """Mean distance of confidence from accuracy (Naeini et al. 2015; Guo et al. 2017).

    truth (n,) as columns of probabilities (n, C); bins of equal width over the
    highest probability, weighted by the images in them (Guo, eq. 3).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    # bin i holds (i / n_bins, (i + 1) / n_bins]
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, right - confidence.astype(np.float64), minlength=n_bins)
    return float(np.abs(gaps).sum() / len(truth))


def probabilities_of(
    scores: NDArray[np.floating],
) -> NDArray[np.float64] | None:
    """Scores (n, C) as probabilities, or None where they are not logarithms of such.

    Votes and margins are no probabilities; log-probabilities add up to 1.
    """
    values = np.exp(scores.astype(np.float64))
    sums = values.sum(axis=1, keepdims=True)
    return values / sums if np.allclose(sums, 1, atol=0.01) else None  # float16


def two_best(scores: NDArray[np.floating]) -> tuple[int, int]:
    """Indices of the highest and the second highest of scores (C,)."""
    order = np.argsort(-scores, kind="stable")
    return int(order[0]), int(order[1])


def receptive_fields(windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Receptive field and step of an output behind each layer, in pixels of the input.

    windows: kernel and stride of each convolution or pooling. The field grows by
    (kernel - 1) steps of the layer before (Araujo et al. 2019, eq. 2).
    """
    found = []
    field_px, step_px = 1, 1
    for kernel, stride in windows:
        field_px += (kernel - 1) * step_px
        step_px *= stride
        found.append((field_px, step_px))
    return found
