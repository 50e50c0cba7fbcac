"""Kernel SVM on pixels: the classical rows of LeCun's table, without any features.

With virtual examples it is the virtual support vector machine of DeCoste & Schölkopf
2002: train; make distorted copies of the support vectors of each machine; train that
machine again on them and their copies. The copies are shifts by up to jitter_px pixels
in every direction, as in the paper, and random affine distortions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.deskew import deskew
from pipeline.distort import Distortion, distort
from pipeline.images import Images, pixel_rows, stack_grey
from pipeline.jitter import offsets_within, shift
from pipeline.kernel_svm import Kernel, recall_svm

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """What a pixel SVM is made of; the method files say it by name.

    deskewed, spread_px: see `deskew`; unit_length: scale each image to length 1, so
    that polynomial kernels stay between 0 and their largest value; jitter_px: reach of
    the shifts of support vectors; copies: random distortions of each. Without either
    there is one training pass.
    """

    kernel: Kernel
    c: float
    deskewed: bool = False
    spread_px: float = 0.0
    unit_length: bool = False
    jitter_px: int = 0
    copies: int = 0
    distortion: Distortion = field(default_factory=Distortion)


class PixelSVM:
    """fit, predict and scores as every method offers them."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings = settings
        self.seed = seed

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """n images of one size, labels (n,)."""
        how = self.settings
        upright = self._upright(images)
        self.svm_ = recall_svm(self._features(upright), labels, how.kernel, how.c)
        first = self.svm_
        if len(first.rows) == 0 or not (how.jitter_px or how.copies):
            return
        virtual = self._virtual(upright[first.rows])
        self.svm_ = recall_svm(
            self._features(np.concatenate(virtual)),
            np.tile(labels[first.rows], len(virtual)),
            how.kernel,
            how.c,
            takes_part=np.tile(first.coefficients != 0, (len(virtual), 1)),
        )

    def _virtual(self, support: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """Support images (s, h, w), their shifted and their distorted copies."""
        how = self.settings
        rng = np.random.default_rng(self.seed)
        offsets = offsets_within(how.jitter_px)
        return [
            support,
            *(shift(support, dx, dy) for dx, dy in offsets),
            *(distort(support, how.distortion, rng) for _ in range(how.copies)),
        ]

    def scores(self, images: Images) -> FloatArray:
        """Votes of the pairs of classes, (n, C)."""
        return self.svm_.scores(self._features(self._upright(images)))

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Labels (n,)."""
        return self.svm_.predict(self._features(self._upright(images)))

    @property
    def n_parameters(self) -> int:
        """Numbers in support vectors, their weights and the intercepts."""
        return self.svm_.n_parameters

    def _upright(self, images: Images) -> NDArray[np.uint8]:
        grey = stack_grey(images)
        how = self.settings
        return deskew(grey, how.spread_px) if how.deskewed else grey

    def _features(self, images: NDArray[np.uint8]) -> FloatArray:
        """(n, h, w) uint8 -> (n, h w) from 0 to 1, or of unit length."""
        pixels = pixel_rows(images)
        if self.settings.unit_length:
            length = np.linalg.norm(pixels, axis=1, keepdims=True)
            np.divide(pixels, length, out=pixels, where=length > 0)
        return pixels
