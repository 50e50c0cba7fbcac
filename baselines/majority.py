"""The floor: always predict the most frequent class of the training set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, Images, check_layout

SUMMARY = "most frequent class"
PACE = (0, 0)  # ms per training and per test photograph, two cores


@dataclass(frozen=True)
class Config:
    """There are no settings."""


PRESETS = {"full": Config(), "quick": Config()}


class Majority:
    """Scores are the class frequencies of the training set."""

    n_parameters = 1
    any_size = True  # images may differ in size

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        self.classes_, counts = np.unique(labels, return_counts=True)
        self.frequencies_ = (counts / counts.sum()).astype(np.float32)

    def scores(self, images: Images) -> NDArray[np.float32]:
        """Return the same row of frequencies for each image: (n, C)."""
        return np.tile(self.frequencies_, (len(images), 1))

    def predict(self, images: Images) -> NDArray[np.int64]:
        return self.classes_[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """Return classes and their frequencies."""
        return {"classes": self.classes_, "frequencies": self.frequencies_}

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model from its `arrays`."""
        check_layout(arrays, {"classes": "int64 C", "frequencies": "float32 C"})
        self.classes_, self.frequencies_ = arrays["classes"], arrays["frequencies"]


def build(config: Config, seed: int) -> Majority:
    return Majority()
