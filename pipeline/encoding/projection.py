"""Principal components: long histograms to a few hundred features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Projection:
    """mean (D,) and components (D, d) of a principal component analysis."""

    mean: FloatArray
    components: FloatArray

    def apply(self, histograms: FloatArray) -> FloatArray:
        """(n, D) -> (n, d).

        One histogram is multiplied where it has counts, seldom more than a sixth of
        its length: the product takes the time of reading the components from memory.
        """
        if len(histograms) == 1:
            counted = np.flatnonzero(histograms[0])
            part = histograms[:, counted] @ self.components[counted]
            return part - self._projected_mean
        return (histograms - self.mean) @ self.components  # type: ignore[return-value]

    def arrays(self) -> dict[str, FloatArray]:
        """What was learned, by name."""
        return {"mean": self.mean, "components": self.components}

    @cached_property
    def _projected_mean(self) -> FloatArray:
        """(d,): kept, since it takes as long as a whole histogram."""
        return self.mean @ self.components


def fit_projection(histograms: FloatArray, n_components: int, seed: int) -> Projection:
    """The directions of largest variance, by randomised SVD (Halko et al. 2011).

    histograms (n, D); at most min(n, D) components are there to find.
    """
    from sklearn.decomposition import PCA

    count = min(n_components, *histograms.shape)
    analysis = PCA(count, svd_solver="randomized", random_state=seed).fit(histograms)
    return Projection(
        analysis.mean_.astype(np.float32),
        np.ascontiguousarray(analysis.components_.T, np.float32),
    )
