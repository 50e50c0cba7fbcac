"""Linear classifier on raw pixels: multinomial logistic regression.

The lecture's 12.0 % is LeCun's 1-layer network: a linear function of the pixels,
trained by stochastic gradient descent. This one is fitted by L-BFGS to a convex loss.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, Images, check_layout
from visbase.pipeline.images.batches import (
    drop_false_colour,
    pixel_rows,
    stack,
    with_values,
)
from visbase.pipeline.progress import working

SUMMARY = "linear classifier, raw pixels"


@dataclass(frozen=True)
class Config:
    """Chosen on validation images: docs/search/mnist/linear.csv."""

    c: float = 0.1  # inverse weight of the squared-norm penalty; pixels are in [0, 1]
    n_iterations: int = 300  # of L-BFGS, at most


PRESETS = {"full": Config(), "quick": Config()}

# chosen on held-out images: docs/search/cifar10/linear.csv
CIFAR10 = {"full": Config(c=0.01), "quick": Config(c=0.01)}

SEARCH = ({"c": 0.01}, {"c": 0.03}, {"c": 0.3}, {"c": 1.0})


def candidates(_n_train: int, _config: Config) -> tuple[dict[str, float], ...]:
    """Settings that a learning curve chooses from: fewer images need more penalty."""
    return ({}, {"c": 0.01}, {"c": 0.001})


class Linear:
    """One weight per value and class; scores are log-odds up to a constant."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Fit the weights to n images of one size and labels (n,)."""
        pixels = pixel_rows(drop_false_colour(stack(images)))
        self.classes_ = np.unique(labels)
        if len(self.classes_) == 1:  # the solver needs two
            self.weights_ = np.zeros((pixels.shape[1], 1), np.float32)
            self.intercepts_ = np.zeros(1, np.float32)
            return
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        machine = LogisticRegression(C=self.config.c, max_iter=self.config.n_iterations)
        with working("logistic regression"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(pixels, labels)
        if machine.n_iter_.max() >= self.config.n_iterations:
            n = self.config.n_iterations
            print(f"  the loss still falls after {n} iterations", file=sys.stderr)
        weights, intercepts = machine.coef_, machine.intercept_
        if len(self.classes_) == 2:  # the solver returns one row, for the second class
            weights = np.concatenate([-weights, weights])
            intercepts = np.concatenate([-intercepts, intercepts])
        # fix the memory order: products in another order differ in the last bits
        self.weights_, self.intercepts_ = np.ascontiguousarray(weights.T), intercepts

    def scores(self, images: Images) -> NDArray[np.float32]:
        """Compute log-odds (n, C), up to a constant per image."""
        pixels = pixel_rows(with_values(stack(images), len(self.weights_)))
        return pixels @ self.weights_ + self.intercepts_

    def predict(self, images: Images) -> NDArray[np.int64]:
        return self.classes_[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """Return classes, weights (d, C) and intercepts (C,)."""
        return {
            "classes": self.classes_,
            "weights": self.weights_,
            "intercepts": self.intercepts_,
        }

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model from its `arrays`."""
        layout = {"weights": "float32 d C", "intercepts": "float32 C"}
        check_layout(arrays, {"classes": "int64 C"} | layout)
        self.classes_, self.intercepts_ = arrays["classes"], arrays["intercepts"]
        self.weights_ = arrays["weights"]

    @property
    def n_parameters(self) -> int:
        return self.weights_.size + self.intercepts_.size


def build(config: Config, seed: int) -> Linear:
    return Linear(config)
