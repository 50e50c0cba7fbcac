"""Kernel SVM on pixels, without any features: the SVMs of LeCun's table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, FloatArray, Images, Scorer
from visbase.pipeline.images.batches import (
    drop_false_colour,
    pixel_rows,
    stack,
    to_grey,
    unit_rows,
    with_values,
)
from visbase.pipeline.images.deskew import deskew
from visbase.pipeline.svm.kernel import Kernel, KernelSVM, fit_svm, restore_svm


@dataclass
class PixelSVM:
    """A kernel SVM on pixels, a `contracts.Method`.

    kernel, c and multi_class: see `fit_svm`; deskewed: see `deskew`; unit_length:
    whether to scale each image to length 1, which bounds the values of polynomial
    kernels; fit_machines: `fit_svm`, or a function that also caches its result.
    """

    kernel: Kernel
    c: float
    deskewed: bool = False
    unit_length: bool = False
    multi_class: str = "ovo"
    fit_machines: Callable[..., KernelSVM] = fit_svm

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Fit the machines to n images of one size and labels (n,)."""
        rows = self._rows(drop_false_colour(stack(images)))
        self.svm_ = self.fit_machines(
            rows, labels, self.kernel, self.c, self.multi_class
        )

    def scores(self, images: Images) -> FloatArray:
        """Compute votes (one-vs-one) or decisions (one-vs-rest): n images -> (n, C)."""
        return self.scores_of(self.features(images))

    def scores_of(self, features: FloatArray) -> FloatArray:
        """Compute the `scores` (n, C) of images with features (n, d)."""
        return self.svm_.scores(features)

    def refit(self, features: FloatArray, labels: NDArray[np.int64]) -> Scorer:
        """Fit other machines, see `contracts.Refits`."""
        return self.fit_machines(
            features, labels, self.kernel, self.c, self.multi_class
        ).scores

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Predict labels (n,)."""
        return self.svm_.predict(self.features(images))

    def arrays(self) -> Arrays:
        """Return support vectors, their weights and the intercepts."""
        return self.svm_.arrays()

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model from its `arrays`."""
        self.svm_ = restore_svm(self.kernel, self.multi_class, arrays)

    @property
    def n_parameters(self) -> int:
        """Count the numbers in support vectors, weights and intercepts."""
        return self.svm_.n_parameters

    def features(self, images: Images) -> FloatArray:
        """Convert n images to rows (n, d) from 0 to 1, or of unit length.

        d is h w, or 3 h w if the training images have colour and are not deskewed.
        """
        return self._rows(with_values(stack(images), self.svm_.support.shape[1]))

    def _rows(self, images: NDArray[np.uint8]) -> FloatArray:
        if self.deskewed:
            images = deskew(to_grey(images))
        return unit_rows(images) if self.unit_length else pixel_rows(images)
