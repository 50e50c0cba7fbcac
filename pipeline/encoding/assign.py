"""Assign descriptors to visual words: the nearest words and their weights.

Squared distances come from one matrix product, |x - c|^2 = |x|^2 - 2 (x.c - |c|^2 / 2);
the search for the m nearest words reads that product row by row while it is in cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.images.compiled import compiled, compiled_inside

BLOCK = 1024  # descriptors whose product with 400 words (1.6 MB) stays in cache
LANES = 64  # groups of words whose lowest scores are computed side by side
FOLDED = 16  # groups left after folding the lanes; their m-th lowest score is a bound


@dataclass(frozen=True)
class Words:
    """The m nearest words of N descriptors, nearest first.

    index (N, m) int32; weight (N, m) float32, each row sums to 1.
    """

    index: NDArray[np.int32]
    weight: NDArray[np.float32]


def assign_hard(values: NDArray[np.float32], vocabulary: NDArray[np.float32]) -> Words:
    """Count each descriptor once, for its nearest word (Csurka et al. 2004).

    values (N, d), vocabulary (k, d) -> Words with m = 1.
    """
    index, _ = nearest(values, vocabulary, 1)
    return Words(index, np.ones(index.shape, np.float32))


def assign_soft(
    values: NDArray[np.float32],
    vocabulary: NDArray[np.float32],
    n_nearest: int,
    softness: float,
) -> Words:
    """Share each descriptor among its nearest words by a Gaussian of the distance.

    Localised soft assignment (Liu, Wang & Liu 2011): weights proportional to
    exp(-d^2 / softness) over the n_nearest words. values (N, d), vocabulary (k, d);
    softness in squared descriptor units. Uses all words if there are fewer than
    n_nearest.
    """
    index, distance = nearest(values, vocabulary, min(n_nearest, len(vocabulary)))
    weight = np.exp((distance[:, :1] - distance) / np.float32(softness))
    return Words(index, weight / weight.sum(axis=1, keepdims=True))


def nearest(
    values: NDArray[np.float32], vocabulary: NDArray[np.float32], m: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the m nearest words and their squared distances, nearest first.

    values (N, d), vocabulary (k, d), 1 <= m <= k -> index (N, m), distance (N, m).
    If distances overflow or are NaN, the words are arbitrary but valid indices.
    Raises ValueError if m is out of range.
    """
    if not 1 <= m <= len(vocabulary):
        raise ValueError(
            f"expected m from 1 to {len(vocabulary)} (the number of words), found {m}"
        )
    index = np.zeros((len(values), m), np.int32)
    distance = np.empty((len(values), m), np.float32)
    half_norms = np.einsum("kd,kd->k", vocabulary, vocabulary) / 2
    products = np.empty((min(BLOCK, len(values)), len(vocabulary)), np.float32)
    for start in range(0, len(values), BLOCK):
        rows = slice(start, start + BLOCK)
        block = values[rows]
        squares = np.einsum("nd,nd->n", block, block)
        product = np.matmul(block, vocabulary.T, out=products[: len(block)])
        _smallest(product, half_norms, squares, index[rows], distance[rows])
    return index, distance


@compiled()
def _smallest(products, half_norms, squares, index, distance):  # type: ignore[no-untyped-def]
    """Find the m words with the lowest score |c|^2 / 2 - x.c in each row of products.

    products (n, k). Words are dealt to LANES in turn. The m-th lowest of the lanes'
    minima bounds the m-th lowest score, so only lanes within that bound are read word
    by word. Ties go to the lower index. Lists are filled without branches because the
    processor could not predict them.
    """
    n, n_words = products.shape
    m = index.shape[1]
    least, folded = np.empty(LANES, np.float32), np.empty(FOLDED, np.float32)
    lanes, bound = np.empty(LANES + 1, np.int32), np.empty(m, np.float32)
    words, scores = np.empty(n_words + 1, np.int32), np.empty(n_words + 1, np.float32)
    for i in range(n):
        row = products[i]
        _least_of_lanes(row, half_norms, least)
        folded[:] = least[:FOLDED]
        for lane in range(FOLDED, LANES):
            folded[lane % FOLDED] = min(folded[lane % FOLDED], least[lane])
        enough = _mth_least(folded, bound)
        n_lanes = 0
        for lane in range(LANES):
            lanes[n_lanes] = lane
            n_lanes += least[lane] <= enough
        n_found = 0
        for nth in range(n_lanes):
            for word in range(lanes[nth], n_words, LANES):
                words[n_found] = word
                scores[n_found] = half_norms[word] - row[word]
                n_found += scores[n_found] <= enough
        if n_found < m:  # some scores are NaN, which no bound can find
            n_found = n_words
            for word in range(n_words):
                words[word] = word
                scores[word] = half_norms[word] - row[word]
        for place in range(m):  # a selection sort of the first m
            first = place
            for other in range(place + 1, n_found):
                if scores[other] < scores[first] or (
                    scores[other] == scores[first] and words[other] < words[first]
                ):
                    first = other
            index[i, place] = words[first]
            square = squares[i] + 2 * scores[first]
            distance[i, place] = max(square, np.float32(0))
            words[first], scores[first] = words[place], scores[place]


@compiled_inside(fastmath={"nnan", "nsz"})
def _least_of_lanes(row, half_norms, least):  # type: ignore[no-untyped-def]
    """Find the lowest score of each lane, vectorised: (k,), (k,) -> (LANES,)."""
    least[:] = np.inf
    whole = row.size - row.size % LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            score = half_norms[first + lane] - row[first + lane]
            least[lane] = min(least[lane], score)
    for word in range(whole, row.size):
        least[word - whole] = min(least[word - whole], half_norms[word] - row[word])


@compiled_inside(fastmath={"nnan", "nsz"})
def _mth_least(values, least):  # type: ignore[no-untyped-def]
    """Find the m-th lowest of values without branches; m = len(least).

    Overwrites least. Returns infinity if there are fewer than m values.
    """
    least[:] = np.inf
    for value in values:
        for place in range(least.size):
            lower = min(least[place], value)
            value = max(least[place], value)
            least[place] = lower
    return least[-1]
