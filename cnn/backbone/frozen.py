"""A backbone as others have trained it: its features serve any labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbase.cnn.backbone.classifier import BackboneClassifier, log_probabilities
from visbase.pipeline.contracts import FloatArray, Scorer


class FrozenBackbone(BackboneClassifier):
    """Its features depend on no label, so the discriminant can be fitted anew."""

    def refit(self, features: FloatArray, labels: NDArray[np.int64]) -> Scorer:
        """Fit another discriminant, see `contracts.Refits`."""
        weights, intercepts = self.discriminant(features, labels)
        return lambda others: log_probabilities(others, weights, intercepts)
