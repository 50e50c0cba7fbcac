"""Evaluation: every measure as a pure function of labels, scores or counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]

Z_95 = 1.959963984540054  # 97.5 % point of the standard normal distribution


def n_errors(truth: IntArray, prediction: IntArray) -> int:
    """Count the images whose prediction (n,) differs from the truth (n,)."""
    if truth.shape != prediction.shape:
        raise ValueError(f"{len(truth)} true labels but {len(prediction)} predictions")
    return int(np.count_nonzero(truth != prediction))


def n_outside_top(truth: IntArray, scores: NDArray[np.floating], k: int) -> int:
    """Count images whose class (n,) has not one of the k highest scores of (n, C).

    A tie for the last place counts as an error.
    """
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    return int(((~(scores < own)).sum(axis=1) > k).sum())  # NaN is an error


def error_pct(errors: float, n: int) -> float:
    """Convert a number of errors among n images to percent."""
    return 100 * errors / n


def wilson_interval(errors: float, n: int) -> tuple[float, float]:
    """Compute the 95 % interval of an error rate (Wilson 1927), as fractions.

    errors is a number of errors among n images, or its mean over seeds. Unlike the
    normal interval, this one stays inside [0, 1] and is not empty at zero errors.
    """
    if n < 1 or not 0 <= errors <= n:
        raise ValueError(f"expected errors from 0 to n, found {errors} errors, n={n}")
    rate, z2 = errors / n, Z_95**2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Compute mean and sample deviation (n - 1), which is NaN for a single value."""
    if not values:
        raise ValueError("no values to average")
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return float(np.mean(values)), deviation


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """Compute the 95 % interval of a mean percentage (Student 1908), within 0 to 100.

    Both ends are NaN for a single value.
    """
    from scipy.stats import t

    mean, deviation = mean_and_deviation(values)
    if len(values) < 2:
        return math.nan, math.nan
    half = float(t.ppf(0.975, len(values) - 1)) * deviation / math.sqrt(len(values))
    return max(0.0, mean - half), min(100.0, mean + half)


def split_interval(
    values: Sequence[float], test_to_train: float
) -> tuple[float, float]:
    """Compute the 95 % interval of a mean over random splits of the same images.

    The splits share images: the variance counts 1 / s + n_test / n_train times in place
    of 1 / s for s splits (Nadeau & Bengio 2003). Both ends are NaN for one split.
    """
    from scipy.stats import t

    (mean, deviation), n = mean_and_deviation(values), len(values)
    half = float(t.ppf(0.975, n - 1)) * deviation * math.sqrt(1 / n + test_to_train)
    return mean - half, mean + half


def difference_interval(
    first: NDArray[np.bool_], second: NDArray[np.bool_]
) -> tuple[float, float]:
    """Compute the 95 % interval of the difference of two accuracies, as fractions.

    first and second (n,): which images each gets right. The adjusted Wald interval for
    paired proportions (Bonett & Price 2012).
    """
    if first.shape != second.shape or not len(first):
        raise ValueError("expected answers of both methods for the same images")
    n = len(first) + 2
    gained = (np.count_nonzero(first & ~second) + 1) / n
    lost = (np.count_nonzero(~first & second) + 1) / n
    half = Z_95 * math.sqrt((gained + lost - (gained - lost) ** 2) / n)
    return max(-1.0, gained - lost - half), min(1.0, gained - lost + half)


def mcnemar_exact(truth: IntArray, first: IntArray, second: IntArray) -> float:
    """Test whether two classifiers have the same error (McNemar 1947): the p-value.

    truth, first, second (n,) labels. Only images that exactly one classifier gets right
    count. If the errors are equal, each is a coin flip, so the tail is binomial; the
    test is two-sided.
    """
    if not truth.shape == first.shape == second.shape:
        raise ValueError("truth and predictions must be of the same images")
    only_first = int(np.count_nonzero((first == truth) & (second != truth)))
    only_second = int(np.count_nonzero((first != truth) & (second == truth)))
    flips = only_first + only_second
    term = tail = 1  # binomial coefficients, each from the one before: exact and quick
    for k in range(min(only_first, only_second)):
        term = term * (flips - k) // (k + 1)
        tail += term
    return min(1.0, 2 * tail / 2**flips)


def confusion_matrix(
    truth: IntArray, prediction: IntArray, n_classes: int
) -> NDArray[np.int64]:
    """Count images (C, C) by truth (row) and prediction (column), labels from 0."""
    n_errors(truth, prediction)  # checks that both are of the same images
    if len(truth) and not min(truth.min(), prediction.min()) >= 0:
        raise ValueError("expected labels from 0, found a negative one")
    cells = truth.astype(np.int64) * n_classes + prediction
    if len(cells) and max(truth.max(), prediction.max()) >= n_classes:
        raise ValueError(f"expected labels up to {n_classes - 1}, found a larger one")
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_error_rates(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the error rate of each class as a fraction: (C, C) -> (C,).

    NaN for a class without images.
    """
    sizes = confusion.sum(axis=1)
    rates = np.full(len(sizes), np.nan)
    np.divide(sizes - np.diag(confusion), sizes, out=rates, where=sizes > 0)
    return rates


def precision_recall_f1(
    confusion: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute precision, recall and F1 of each class: (C, C) -> three (C,).

    All are fractions. Undefined values are NaN: precision of a class that was never
    predicted, recall of a class without images, and F1, which is
    2 hits / (images + predictions), of a class with neither.
    """
    hits = np.diag(confusion).astype(np.float64)
    images, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    total = images + predicted

    def ratio(part: NDArray[np.float64], n: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.divide(part, n, out=np.full(len(n), np.nan), where=n > 0)

    return ratio(hits, predicted), ratio(hits, images), ratio(2 * hits, total)


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Average F1 over the classes that have an image or a prediction."""
    return float(np.nanmean(precision_recall_f1(confusion)[2]))


def balanced_accuracy(confusion: NDArray[np.int64]) -> float:
    """Average recall over the classes that have images."""
    return float(np.nanmean(precision_recall_f1(confusion)[1]))


def log_loss(truth: IntArray, probabilities: NDArray[np.floating]) -> float:
    """Average -log (natural) of the probability of the true class.

    truth (n,) indexes the columns of probabilities (n, C). A probability of 0 counts as
    the float64 epsilon, 2.2e-16: one such image does not make the mean infinite.
    """
    if not len(truth) == len(probabilities) > 0:
        raise ValueError("truth and probabilities must be of the same images")
    of_truth = np.take_along_axis(
        probabilities, truth[:, None].astype(np.int64), axis=1
    )
    least = np.finfo(np.float64).eps
    return float(-np.log(np.clip(of_truth.astype(np.float64), least, 1)).mean())


def agreement(predictions: Sequence[IntArray]) -> NDArray[np.float64]:
    """Compute the fraction of images that each pair of methods labels alike: (m, m)."""
    labels = np.stack(predictions)
    return (labels[:, None] == labels[None]).mean(axis=2)


def independent_agreement(first: float, second: float, n_classes: int) -> float:
    """Compute how often two independent classifiers of these error rates agree.

    All arguments and the result but n_classes are fractions. Both are right, or both
    give the same of the C - 1 wrong labels, which are equally likely.
    """
    return (1 - first) * (1 - second) + first * second / (n_classes - 1)


def n_failures(truth: IntArray, predictions: Sequence[IntArray]) -> NDArray[np.int64]:
    """Count the methods that get each image wrong: (n,).

    An image that all methods get wrong is an error of the oracle, which picks the best
    method for each image.
    """
    return (np.stack(predictions) != truth).sum(axis=0)


def half_error_rates(truth: IntArray, prediction: IntArray) -> tuple[float, float]:
    """Compute the error rates of the first and the second half of the images.

    Students wrote the digits 0 to 4,999 of MNIST's test images; employees of the Census
    Bureau wrote the others, which are cleaner (QMNIST, Yadav & Bottou 2019). A method
    that is as good on the first half may have seen the test images.
    """
    wrong = truth != prediction
    half = len(wrong) // 2
    return float(wrong[:half].mean()), float(wrong[half:].mean())


def expected_calibration_error(
    truth: IntArray, probabilities: NDArray[np.floating], n_bins: int = 15
) -> float:
    """Average |confidence - accuracy| over bins (Naeini et al. 2015; Guo et al. 2017).

    truth (n,) indexes the columns of probabilities (n, C). The bins divide the highest
    probability equally, and are weighted by their number of images (Guo, eq. 3).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    # bin i holds (i / n_bins, (i + 1) / n_bins]
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, right - confidence.astype(np.float64), minlength=n_bins)
    return float(np.abs(gaps).sum() / len(truth))


def probabilities_of(scores: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """Convert log-probabilities (n, C) to probabilities; None for other scores.

    The exponentials of log-probabilities add up to 1, those of votes or margins do not.
    """
    values = np.exp(scores.astype(np.float64))
    sums = values.sum(axis=1, keepdims=True)
    # the tolerance allows for scores that were stored as float16
    return values / sums if np.allclose(sums, 1, atol=0.01) else None


def two_best(scores: NDArray[np.floating]) -> tuple[int, int]:
    """Return the indices of the highest and the second highest score (C,)."""
    order = np.argsort(-scores, kind="stable")
    return int(order[0]), int(order[1])


def receptive_fields(windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Compute the receptive field and step of each layer's outputs, in input pixels.

    windows: kernel and stride of each convolution or pooling. The field grows by
    (kernel - 1) steps of the previous layer (Araujo et al. 2019, eq. 2).
    """
    fields = []
    field_px, step_px = 1, 1
    for kernel, stride in windows:
        field_px += (kernel - 1) * step_px
        step_px *= stride
        fields.append((field_px, step_px))
    return fields
