"""Kernel SVM on pixels: the classical rows of LeCun's table, without any features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, FloatArray, Images
from visbase.pipeline.images.batches import pixel_rows, stack_grey, unit_rows
from visbase.pipeline.images.deskew import deskew
from visbase.pipeline.svm.kernel import Kernel, KernelSVM, fit_svm, restore_svm


@dataclass
class PixelSVM:
    """fit, predict and scores as every method offers them.

    deskewed: see `deskew`; unit_length: scale each image to length 1, so that
    polynomial kernels stay between 0 and their largest value; multi_class: one machine
    per pair of classes ("ovo") or per class ("ovr"); fit_machines: `fit_svm`
    or one that keeps what it fitted.
    """

    kernel: Kernel
    c: float
    deskewed: bool = False
    unit_length: bool = False
    multi_class: str = "ovo"
    fit_machines: Callable[..., KernelSVM] = fit_svm

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """n images of one size, labels (n,)."""
        self.svm_ = self.fit_machines(
            self._features(images), labels, self.kernel, self.c, self.multi_class
        )

    def scores(self, images: Images) -> FloatArray:
        """Votes of the pairs of classes or decisions of the classes, (n, C)."""
        return self.svm_.scores(self._features(images))

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Labels (n,)."""
        return self.svm_.predict(self._features(images))

    def arrays(self) -> Arrays:
        """Support vectors, their weights and the intercepts."""
        return self.svm_.arrays()

    def restore(self, arrays: Arrays) -> None:
        """Take the place of fit, from what `arrays` gave."""
        self.svm_ = restore_svm(self.kernel, self.multi_class, arrays)

    @property
    def n_parameters(self) -> int:
        """Numbers in support vectors, their weights and the intercepts."""
        return self.svm_.n_parameters

    def _features(self, images: Images) -> FloatArray:
        """n images -> (n, h w) from 0 to 1, or of unit length."""
        grey = stack_grey(images)
        if self.deskewed:
            grey = deskew(grey)
        return unit_rows(grey) if self.unit_length else pixel_rows(grey)
