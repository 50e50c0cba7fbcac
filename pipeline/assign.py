"""Descriptors to visual words: the nearest words of each descriptor and their weights.

Squared distances come from one matrix product, |x - c|^2 = |x|^2 - 2 (x.c - |c|^2 / 2);
the search for the nearest m words reads that product once, row by row, while it is in
cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

BLOCK = 4096  # descriptors whose product with 400 words (6.5 MB) stays in cache


@dataclass(frozen=True)
class Words:
    """The m nearest words of N descriptors, nearest first.

    index (N, m) int32; weight (N, m) float32, each row sums to 1.
    """

    index: NDArray[np.int32]
    weight: NDArray[np.float32]


def assign_hard(values: NDArray[np.float32], vocabulary: NDArray[np.float32]) -> Words:
    """Each descriptor counts once, for its nearest word (Csurka et al. 2004).

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
    """Each descriptor is shared among its nearest words by a Gaussian of the distance.

    Localised soft assignment (Liu, Wang & Liu 2011): weights proportional to
    exp(-d^2 / softness) over the n_nearest words. values (N, d), vocabulary (k, d);
    softness in squared descriptor units. With fewer than n_nearest words, all are used.
    """
    index, distance = nearest(values, vocabulary, min(n_nearest, len(vocabulary)))
    weight = np.exp((distance[:, :1] - distance) / np.float32(softness))
    return Words(index, weight / weight.sum(axis=1, keepdims=True))


def nearest(
    values: NDArray[np.float32], vocabulary: NDArray[np.float32], m: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The m nearest words and their squared distances, nearest first.

    values (N, d), vocabulary (k, d), 1 <= m <= k -> index (N, m), distance (N, m).
    """
    index = np.zeros((len(values), m), np.int32)
    distance = np.empty((len(values), m), np.float32)
    half_norms = np.einsum("kd,kd->k", vocabulary, vocabulary) / 2
    for start in range(0, len(values), BLOCK):
        rows = slice(start, start + BLOCK)
        block = values[rows]
        squares = np.einsum("nd,nd->n", block, block)
        _smallest(
            block @ vocabulary.T, half_norms, squares, index[rows], distance[rows]
        )
    return index, distance


@numba.njit(cache=True, nogil=True)
def _smallest(products, half_norms, squares, index, distance):  # type: ignore[no-untyped-def]
    """Insertion into a sorted list of m: nearly every word fails the first test."""
    n, n_words = products.shape
    m = index.shape[1]
    best = np.empty(m, np.float32)
    for i in range(n):
        best[:] = np.inf
        row = products[i]
        worst = np.float32(np.inf)
        for word in range(n_words):
            score = half_norms[word] - row[word]
            if score < worst:
                place = m - 1
                while place > 0 and best[place - 1] > score:
                    best[place] = best[place - 1]
                    index[i, place] = index[i, place - 1]
                    place -= 1
                best[place] = score
                index[i, place] = word
                worst = best[m - 1]
        for place in range(m):
            distance[i, place] = max(squares[i] + 2 * best[place], np.float32(0))
