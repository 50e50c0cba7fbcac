"""The visual vocabulary: k-means over a sample of descriptors.

Lloyd's iteration (Lloyd 1982) from k-means++ seeds (Arthur & Vassilvitskii 2007), on
the nearest-word search that the encoding uses too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.assign import nearest
from pipeline.progress import track

FloatArray = NDArray[np.float32]

SEEDING_SAMPLE = 50  # descriptors a word that k-means++ looks at


def learn_vocabulary(
    values: FloatArray,
    n_words: int,
    rng: np.random.Generator,
    n_iterations: int = 30,
    tolerance: float = 1e-4,
) -> FloatArray:
    """Centres of k-means clusters of descriptors.

    values (N, d), N > 0 -> (k, d) with k = n_words, or fewer where there are fewer
    distinct descriptors. Stops after n_iterations, or when the inertia falls by less
    than `tolerance` of itself. A word that lost all its descriptors moves to the
    descriptor that is farthest from its word.
    """
    centres = seed_plus_plus(values, n_words, rng)
    inertia = np.inf
    for _ in track(range(n_iterations), "vocabulary", n_iterations):
        index, distance = nearest(values, centres, 1)
        previous, inertia = inertia, float(distance.sum(dtype=np.float64))
        if previous - inertia <= tolerance * inertia:
            break
        centres = _move(values, index[:, 0], distance[:, 0], len(centres))
    return centres


def seed_plus_plus(
    values: FloatArray, n_words: int, rng: np.random.Generator
) -> FloatArray:
    """k-means++: each next seed is drawn with probability proportional to d^2.

    values (N, d) -> (k, d), fewer than n_words rows when the sample holds fewer
    distinct descriptors.
    """
    size = min(len(values), SEEDING_SAMPLE * n_words)
    sample = values[rng.choice(len(values), size, replace=False)]
    seeds = [sample[rng.integers(size)]]
    distance = np.full(size, np.inf, np.float64)
    for _ in track(range(n_words - 1), "k-means++ seeds", n_words - 1):
        difference = sample - seeds[-1]
        squares = np.einsum("nd,nd->n", difference, difference)
        np.minimum(distance, squares, out=distance)
        total = distance.sum()
        if total <= 0:
            break
        seeds.append(sample[rng.choice(size, p=distance / total)])
    return np.array(seeds, np.float32)


def _move(
    values: FloatArray,
    index: NDArray[np.int32],
    distance: FloatArray,
    n_words: int,
) -> FloatArray:
    """Mean of each word's descriptors; empty words go to the worst-served ones."""
    order = np.argsort(index, kind="stable")
    counts = np.bincount(index, minlength=n_words)
    filled = np.flatnonzero(counts)
    starts = (np.cumsum(counts) - counts)[filled]
    centres = np.empty((n_words, values.shape[1]), np.float32)
    centres[filled] = (
        np.add.reduceat(values[order], starts, axis=0) / counts[filled, None]
    )
    empty = np.flatnonzero(counts == 0)
    centres[empty] = values[np.argsort(distance)[::-1][: len(empty)]]
    return centres
