"""Intervals by the bootstrap (Efron 1979): what other samples would have given."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_DRAWS = 2000  # of clusters


def cluster_interval(
    values: NDArray[np.floating] | NDArray[np.bool_],
    clusters: NDArray[np.integer],
    seed: int = 0,
) -> tuple[float, float]:
    """Compute the 95 % interval of the mean of values (n,) that come in clusters (n,).

    values: whether each image is misclassified, for one; clusters: who wrote it. Whole
    clusters are drawn with replacement (Davison & Hinkley 1997, section 3.8), and their
    images averaged: images by one hand are more alike than others, so that they are
    fewer than they seem. The interval ends at the percentiles 2.5 and 97.5.
    """
    if not values.shape == clusters.shape or not len(values):
        raise ValueError("expected the cluster of each value, and at least one value")
    people = np.unique(clusters, return_inverse=True)[1]
    sizes = np.bincount(people)
    sums = np.bincount(people, values.astype(np.float64))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(sizes), size=(N_DRAWS, len(sizes)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def gain_of_doubling(
    sizes: Sequence[int], right: Sequence[NDArray[np.bool_]], seed: int = 0
) -> tuple[float, float, float]:
    """Extrapolate how much accuracy twice the training images would add, as a fraction.

    sizes (k,), ascending: training images; right: for each split (k, n), which test
    images are classified correctly after each size. Errors are taken to fall as a power
    of the size (Cortes et al. 1994, without asymptote); since the power falls, too, a
    point counts in proportion to its size. Returns the gain and its 95 % interval from
    500 bootstrap samples of splits, of test images, and of deviations from the power.
    """
    rng, n, x = np.random.default_rng(seed), len(right), np.log2(sizes)

    def fit(samples: Sequence[NDArray[np.bool_]], noise: float) -> tuple[float, float]:
        # half an error more than there were: no logarithm of zero
        rate = np.mean([(np.sum(~s, 1) + 0.5) / (s.shape[1] + 1) for s in samples], 0)
        y = np.log2(rate) + noise * rng.standard_normal(len(x))
        slope, start = np.polyfit(x, y, 1, w=np.sqrt(sizes))
        rest = (y - slope * x - start) ** 2 @ sizes / np.mean(sizes) / (len(x) - 2)
        return float(rate[-1] * (1 - 2**slope)), math.sqrt(rest)

    gain, noise = fit(right, 0)
    draws = [
        fit([s[:, rng.integers(s.shape[1], size=s.shape[1])] for s in some], noise)[0]
        for some in ([right[i] for i in rng.integers(n, size=n)] for _ in range(500))
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return gain, float(low), float(high)
