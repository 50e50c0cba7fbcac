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
