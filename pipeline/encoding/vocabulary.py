"""The visual vocabulary: k-means over a sample of descriptors.

Lloyd's iteration (Lloyd 1982) from k-means++ seeds (Arthur & Vassilvitskii 2007), on
the nearest-word search that the encoding uses too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Track, untracked
from visbase.pipeline.encoding.assign import nearest
from visbase.pipeline.images.blocks import in_threads
from visbase.pipeline.images.compiled import compiled

FloatArray = NDArray[np.float32]

SEEDING_SAMPLE = 50  # descriptors a word that k-means++ looks at
SHARE = 32_768  # descriptors that a thread assigns at once


def learn_vocabulary(
    values: FloatArray,
    n_words: int,
    rng: np.random.Generator,
    n_iterations: int = 30,
    tolerance: float = 1e-4,
    track: Track = untracked,
) -> FloatArray:
    """Centres of k-means clusters of descriptors.

    values (N, d), N > 0 -> (k, d) with k = n_words, or fewer where there are fewer
    distinct descriptors. Stops after n_iterations, or when the inertia falls by less
    than `tolerance` of itself. A word that lost all its descriptors moves to the
    descriptor that is farthest from its word. Raises ValueError where there is no
    descriptor, no word to learn, or a value that is not finite.
    """
    if len(values) == 0 or n_words < 1 or not np.isfinite(values).all():
        raise ValueError(
            f"expected finite descriptors and a number of words from 1 on, found an "
            f"array of shape {values.shape} and {n_words}"
        )
    centres = seed_plus_plus(values, n_words, rng, track)
    inertia = np.inf
    for _ in track(range(n_iterations), "vocabulary", n_iterations):
        sums, counts, distance = _assign_and_sum(values, centres)
        previous, inertia = inertia, float(distance.sum(dtype=np.float64))
        if previous - inertia <= tolerance * inertia:
            break
        centres = _means(values, sums, counts, distance)
    return centres


def seed_plus_plus(
    values: FloatArray,
    n_words: int,
    rng: np.random.Generator,
    track: Track = untracked,
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
        _lower(sample, seeds[-1], distance)
        total = distance.sum()
        if total <= 0:
            break
        seeds.append(sample[rng.choice(size, p=distance / total)])
    return np.array(seeds, np.float32)


@compiled(fastmath={"reassoc", "contract"})
def _lower(sample, seed, distance):  # type: ignore[no-untyped-def]
    """distance (n,) <- the least of itself and |x - seed|^2, for each x of sample."""
    for i in range(len(sample)):
        square = np.float32(0)
        for k in range(seed.size):
            difference = sample[i, k] - seed[k]
            square += difference * difference
        distance[i] = min(distance[i], square)


def _assign_and_sum(
    values: FloatArray, centres: FloatArray
) -> tuple[NDArray[np.float64], NDArray[np.int64], FloatArray]:
    """Descriptors to their nearest words, shares of them in threads.

    values (N, d), centres (k, d) -> sums (k, d) and counts (k,) of each word's
    descriptors, squared distance (N,) to the nearest word. Shares are of one size and
    added in order: the same to the bit with any number of threads.
    """

    def work(start: int) -> tuple[NDArray[np.float64], NDArray[np.int64], FloatArray]:
        share = values[start : start + SHARE]
        index, distance = nearest(share, centres, 1)
        sums = np.zeros(centres.shape)
        _add(share, index[:, 0], sums)
        counts = np.bincount(index[:, 0], minlength=len(centres))
        return sums, counts, distance[:, 0]

    sums, counts, distances = zip(
        *in_threads(work, range(0, len(values), SHARE)), strict=True
    )
    return np.sum(sums, axis=0), np.sum(counts, axis=0), np.concatenate(distances)


@compiled()
def _add(values, index, sums):  # type: ignore[no-untyped-def]
    for i in range(len(values)):
        for k in range(values.shape[1]):
            sums[index[i], k] += values[i, k]


def _means(
    values: FloatArray,
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
    distance: FloatArray,
) -> FloatArray:
    """Mean of each word's descriptors; empty words go to the worst-served ones."""
    centres = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        centres[empty] = values[np.argsort(distance)[::-1][: len(empty)]]
    return centres
