"""Principal components: long histograms to a few hundred features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.progress import working

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Projection:
    """mean (D,) and components (D, d) of a principal component analysis."""

    mean: FloatArray
    components: FloatArray

    def apply(self, histograms: FloatArray) -> FloatArray:
        """(n, D) -> (n, d)."""
        return (histograms - self.mean) @ self.components  # type: ignore[return-value]


def fit_projection(histograms: FloatArray, n_components: int, seed: int) -> Projection:
    """The directions of largest variance, by randomised SVD (Halko et al. 2011).

    histograms (n, D); at most min(n, D) components are there to find.
    """
    from sklearn.decomposition import PCA

    count = min(n_components, *histograms.shape)
    with working("projection"):
        analysis = PCA(count, svd_solver="randomized", random_state=seed).fit(
            histograms
        )
    return Projection(
        analysis.mean_.astype(np.float32),
        np.ascontiguousarray(analysis.components_.T, np.float32),
    )
