"""Kernel SVM on pixels: the classical rows of LeCun's table, without any features.

With a jitter it is the virtual support vector machine of DeCoste & Schölkopf 2002,
section 4: train; shift the support vectors of each machine by up to jitter_px pixels
in every direction; train that machine again on them and their shifted copies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.deskew import deskew
from pipeline.images import Images, pixel_rows, stack_grey
from pipeline.jitter import offsets_within, shift
from pipeline.kernel_svm import Kernel, recall_svm

FloatArray = NDArray[np.float32]


class PixelSVM:
    """fit, predict and scores as every method offers them.

    deskewed: shear images upright first; unit_length: scale each image to length 1,
    so that polynomial kernels stay between 0 and their largest value; jitter_px: reach
    of the shifts, 0 for one training pass.
    """

    def __init__(
        self,
        kernel: Kernel,
        c: float,
        deskewed: bool = False,
        unit_length: bool = False,
        jitter_px: int = 0,
    ) -> None:
        self.kernel = kernel
        self.c = c
        self.deskewed = deskewed
        self.unit_length = unit_length
        self.jitter_px = jitter_px

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """n images of one size, labels (n,)."""
        upright = self._upright(images)
        self.svm_ = recall_svm(self._features(upright), labels, self.kernel, self.c)
        if self.jitter_px and len(self.svm_.rows):
            first = self.svm_
            offsets = offsets_within(self.jitter_px)
            support, n_copies = upright[first.rows], 1 + len(offsets)
            virtual = [support, *(shift(support, dx, dy) for dx, dy in offsets)]
            self.svm_ = recall_svm(
                self._features(np.concatenate(virtual)),
                np.tile(labels[first.rows], n_copies),
                self.kernel,
                self.c,
                takes_part=np.tile(first.coefficients != 0, (n_copies, 1)),
            )

    def scores(self, images: Images) -> FloatArray:
        """Votes of the pairs of classes, (n, C)."""
        return self.svm_.scores(self._features(self._upright(images)))

    def predict(self, images: Images) -> NDArray[np.int64]:
        return self.svm_.predict(self._features(self._upright(images)))

    @property
    def n_parameters(self) -> int:
        """Numbers in support vectors, their weights and the intercepts."""
        return self.svm_.n_parameters

    def _upright(self, images: Images) -> NDArray[np.uint8]:
        grey = stack_grey(images)
        return deskew(grey) if self.deskewed else grey

    def _features(self, images: NDArray[np.uint8]) -> FloatArray:
        """(n, h, w) uint8 -> (n, h w) from 0 to 1, or of unit length."""
        pixels = pixel_rows(images)
        if self.unit_length:
            length = np.linalg.norm(pixels, axis=1, keepdims=True)
            np.divide(pixels, length, out=pixels, where=length > 0)
        return pixels
