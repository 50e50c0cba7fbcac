"""Ridge regression on class labels by normal equations, in flat memory.

    vectors (n, d) in blocks -> X'X (d, d) and X'Y (d, C) -> weights (d, C)

The sums are all that is kept of the training images: the memory does not depend on
their number. A single float32 array of (d, d) holds X'X below its diagonal and its
Cholesky factor above, so that further penalties, and further images, take no other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from visbase.pipeline.contracts import FloatArray
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.blocks import in_threads, one_thread

TILE = 256  # rows and columns that are added, or copied across the diagonal, at once


class Ridge:
    """Sums over training images, and the weights that minimise the squared error.

    Targets are 1 for the class of an image, and 0 for the others. n_features: length d
    of a vector; n_classes: C.
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        self.n = 0
        self.counts = np.zeros(n_classes)
        self._moments = np.zeros((n_features, n_features), np.float32, order="F")
        self._sums = np.zeros(n_features)  # of the shifted vectors
        self._by_class = np.zeros((n_features, n_classes))
        self._shift: FloatArray | None = None

    def add(self, vectors: FloatArray, targets: NDArray[np.int64]) -> None:
        """Add n images: vectors (n, d), which are overwritten, and classes (n,)."""
        if self._shift is None:  # near the mean, so that sums lose few digits
            self._shift = vectors.mean(axis=0)
        vectors -= self._shift
        n_classes = len(self.counts)
        self.n += len(vectors)
        self.counts += np.bincount(targets, minlength=n_classes)
        self._sums += vectors.sum(axis=0, dtype=np.float64)
        self._by_class += vectors.T @ np.eye(n_classes, dtype=np.float32)[targets]
        moments = self._moments.T  # rows are contiguous

        def add_rows(start: int) -> None:
            # not ssyrk: from 26,000 features on, that of OpenBLAS 0.3.30 writes where
            # it must not with two threads, and so does its spotrf
            rows = slice(start, start + TILE)
            moments[rows, start:] += vectors[:, rows].T @ vectors[:, start:]

        in_threads(add_rows, range(0, len(moments), TILE))

    def solve(self, penalty: float) -> tuple[FloatArray, FloatArray]:
        """Return weights (d, C) and intercepts (C,).

        penalty: of the squared weights, relative to the mean squared length of a
        centred vector. The intercepts are not penalised. Raises BadInput if it is too
        small for float32.
        """
        assert self._shift is not None, "no image was added"
        moments, mean = self._moments, self._sums / self.n
        diagonal = moments.diagonal().copy()
        centred = diagonal - self.n * mean * mean
        length = centred.sum() / self.n or 1.0  # all vectors may be the same
        self._copy_up(mean)
        np.fill_diagonal(moments, centred + penalty * length)
        with one_thread():
            factor, fault = lapack.spotrf(moments, lower=0, clean=0, overwrite_a=1)
        if not fault:
            right = (self._by_class - np.outer(mean, self.counts)).astype(np.float32)
            weights, _ = lapack.spotrs(factor, right, lower=0)
        np.fill_diagonal(moments, diagonal)
        if fault:
            raise BadInput(f"penalty={penalty}: too small for float32; increase it")
        centre = (self._shift + mean).astype(np.float32)
        return weights, (self.counts / self.n - centre @ weights).astype(np.float32)

    def _copy_up(self, mean: NDArray[np.float64]) -> None:
        """Write the centred moments above the diagonal, from those below."""
        moments, d = self._moments, len(mean)
        for i in range(0, d, TILE):
            rows = slice(i, i + TILE)
            for j in range(i, d, TILE):
                columns = slice(j, j + TILE)
                tile = moments[columns, rows].T - np.outer(
                    self.n * mean[rows], mean[columns]
                )
                if i == j:
                    tile = np.triu(tile) + np.tril(moments[rows, rows], -1)
                moments[rows, columns] = tile
