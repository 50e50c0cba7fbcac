"""Pool the words of an image into its histogram: spatial pyramid, normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.encoding.assign import Words
from visbase.pipeline.images.compiled import compiled

FloatArray = NDArray[np.float32]


def n_cells(levels: Sequence[int]) -> int:
    """Count the cells of all pyramid levels: [1, 2, 4] -> 1 + 4 + 16."""
    return sum(side * side for side in levels)


def pool(
    words: Words,
    n_words: int,
    xy: FloatArray,
    offsets: NDArray[np.int64],
    levels: Sequence[int],
) -> FloatArray:
    """Sum word weights over pyramid cells (Lazebnik et al. 2006), all levels equal.

    words (N, m) nearest words and weights; xy (N, 2) in [0, 1); offsets (n + 1,);
    levels the cells per side of each level, [1] for a plain bag of words.
    -> (n, n_cells * k) float32. An image without keypoints is a row of zeros.
    """
    histograms = np.zeros((len(offsets) - 1, n_cells(levels), n_words), np.float32)
    for cell in cells(xy, levels):
        _add(words.index, words.weight, cell, offsets, histograms)
    return histograms.reshape(len(histograms), n_cells(levels) * n_words)


def cells(xy: FloatArray, levels: Sequence[int]) -> Iterator[NDArray[np.int32]]:
    """Yield the cell (N,) of each position xy (N, 2), level by level.

    Cells are numbered across all levels.
    """
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
    """Raise to a power, then scale rows to unit length, in place; returns its argument.

    Power 0.5 turns counts into features of the Hellinger kernel; it keeps a frequent
    word from dominating the others (Perronnin et al. 2010, section 3.2). Rows of zeros
    stay zero.
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
    """Convert weights of features to weights of the sums behind them.

    features (d,) are sums (d,) over keypoints after powers and scaling that keep zeros.
    weights (d,) of the features -> (d,) with result . sums = weights . features, so
    the contributions of the keypoints add up exactly.
    """
    return np.divide(
        weights * features, sums, out=np.zeros_like(weights), where=sums != 0
    )
