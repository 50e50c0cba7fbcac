"""Words of an image to its histogram: the spatial pyramid and its normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.encoding.assign import Words
from visbase.pipeline.images.compiled import compiled

FloatArray = NDArray[np.float32]


def n_cells(levels: Sequence[int]) -> int:
    """Cells of all pyramid levels: [1, 2, 4] -> 1 + 4 + 16."""
    return sum(side * side for side in levels)


def pool(
    words: Words,
    n_words: int,
    xy: FloatArray,
    offsets: NDArray[np.int64],
    levels: Sequence[int],
) -> FloatArray:
    """Sum word weights over the cells of Lazebnik et al. 2006, levels weighted alike.

    words (N, m) nearest words and weights; xy (N, 2) in [0, 1); offsets (n + 1,);
    levels the cells a side of each level, [1] for a plain bag of words.
    -> (n, n_cells * k) float32. An image without keypoints is a row of zeros.
    """
    histograms = np.zeros((len(offsets) - 1, n_cells(levels), n_words), np.float32)
    for cell in cells(xy, levels):
        _add(words.index, words.weight, cell, offsets, histograms)
    return histograms.reshape(len(histograms), n_cells(levels) * n_words)


def cells(xy: FloatArray, levels: Sequence[int]) -> Iterator[NDArray[np.int32]]:
    """For each level the cell (N,) of each place xy (N, 2), counted over all levels."""
    first = 0
    for side in levels:
        cell = np.minimum((xy * side).astype(np.int32), side - 1)
        yield first + cell[:, 1] * side + cell[:, 0]
        first += side * side


@compiled()
def _add(index, weight, cell, offsets, histograms):  # type: ignore[no-untyped-def]
    for i in range(len(offsets) - 1):
        for row in range(offsets[i], offsets[i + 1]):
            histogram = histograms[i, cell[row]]
            for place in range(index.shape[1]):
                histogram[index[row, place]] += weight[row, place]


def normalise(histograms: FloatArray, power: float) -> FloatArray:
    """Power, then unit length; rows of zeros stay zero. In place, returned.

    Power 0.5 turns counts into the Hellinger kernel's features; it keeps a word that
    fills an image from drowning the others (Perronnin et al. 2010, section 3.2).
    """
    if power == 0.5:
        np.sqrt(histograms, out=histograms)
    elif power != 1:
        np.power(histograms, np.float32(power), out=histograms)
    norms = np.linalg.norm(histograms, axis=1, keepdims=True)
    np.divide(histograms, norms, out=histograms, where=norms > 0)
    return histograms


def share_out(
    features: FloatArray, sums: FloatArray, weights: FloatArray
) -> FloatArray:
    """Weight of each unit of the sums over keypoints, so that they add up exactly.

    features (d,) came from sums (d,) by powers and lengths that keep the zeros; weights
    (d,) of the features -> (d,) with result . sums = weights . features.
    """
    return np.divide(
        weights * features, sums, out=np.zeros_like(weights), where=sums != 0
    )
