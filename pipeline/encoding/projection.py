"""Principal components: project long histograms to a few hundred features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Projection:
    """A principal component analysis: mean (D,) and components (D, d)."""

    mean: FloatArray
    components: FloatArray

    def apply(self, histograms: FloatArray) -> FloatArray:
        """Project histograms: (n, D) -> (n, d).

        A single histogram is multiplied only where it has counts, rarely more than a
        sixth of its length, since reading the components from memory dominates.
        """
        if len(histograms) == 1:
            nonzero = np.flatnonzero(histograms[0])
            product = histograms[:, nonzero] @ self.components[nonzero]
            return product - self._projected_mean
        return (histograms - self.mean) @ self.components  # type: ignore[return-value]

    def arrays(self) -> dict[str, FloatArray]:
        """Return the learned arrays by name."""
        return {"mean": self.mean, "components": self.components}

    @cached_property
    def _projected_mean(self) -> FloatArray:
        """The projection of the mean (d,), cached: it costs as much as a histogram."""
        return self.mean @ self.components


def fit_projection(histograms: FloatArray, n_components: int, seed: int) -> Projection:
    """Find the directions of largest variance by randomised SVD (Halko et al. 2011).

    histograms (n, D). Keeps at most min(n, D) components.
    """
    from sklearn.decomposition import PCA

    count = min(n_components, *histograms.shape)
    analysis = PCA(count, svd_solver="randomized", random_state=seed).fit(histograms)
    return Projection(
        analysis.mean_.astype(np.float32),
        np.ascontiguousarray(analysis.components_.T, np.float32),
    )
