"""Virtual support vector machine (DeCoste & Schölkopf 2002).

One machine a class against the rest: train; make distorted copies of the support
vectors of each machine, and of them alone; train each machine again on its support
vectors and their copies. Copies are shifts by whole pixels, as in the paper, and random
affine distortions. With several normalisations of the digits' width each has machines
of its own, and their decisions are added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import (
    Arrays,
    FloatArray,
    Images,
    join_parts,
    split_parts,
)
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import stack_grey, unit_rows
from visbase.pipeline.images.deskew import deskew
from visbase.pipeline.images.distort import Distortion, distort
from visbase.pipeline.images.jitter import offsets_within, shift
from visbase.pipeline.svm.kernel import Kernel, KernelSVM, fit_svm, restore_svm


@dataclass
class VirtualSVM:
    """fit, predict and scores as every method offers them; digits of unit length.

    spreads_px: one normalisation each, see `deskew`; jitter_px: reach of the shifts of
    support vectors; copies: random distortions of each; fit_machines: `fit_svm` or one
    that keeps what it fitted.
    """

    kernel: Kernel
    c: float
    spreads_px: tuple[float, ...]
    jitter_px: int
    copies: int
    distortion: Distortion
    seed: int
    fit_machines: Callable[..., KernelSVM] = fit_svm

    def __post_init__(self) -> None:
        if not self.spreads_px:
            raise BadInput("spreads_px: expected at least one; 0 is deskewed only")

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """n images of one size, labels (n,)."""
        grey = stack_grey(images)
        self.svms_ = [
            self._fit_one(deskew(grey, spread_px), labels)
            for spread_px in self.spreads_px
        ]

    def _fit_one(
        self, upright: NDArray[np.uint8], labels: NDArray[np.int64]
    ) -> KernelSVM:
        kernel, c = self.kernel, self.c
        first = self.fit_machines(unit_rows(upright), labels, kernel, c, "ovr")
        if len(first.rows) == 0:  # a single class
            return first
        virtual = self._virtual(upright[first.rows])
        return self.fit_machines(
            unit_rows(np.concatenate(virtual)),
            np.tile(labels[first.rows], len(virtual)),
            kernel,
            c,
            "ovr",
            np.tile(first.coefficients != 0, (len(virtual), 1)),
        )

    def _virtual(self, support: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """Support images (s, h, w), their shifted and their distorted copies."""
        rng = np.random.default_rng(self.seed)
        offsets = offsets_within(self.jitter_px)
        return [
            support,
            *(shift(support, dx, dy) for dx, dy in offsets),
            *(distort(support, self.distortion, rng) for _ in range(self.copies)),
        ]

    def scores(self, images: Images) -> FloatArray:
        """Decisions of the classes' machines, over all normalisations: (n, C)."""
        grey = stack_grey(images)
        decisions = [
            svm.scores(unit_rows(deskew(grey, spread_px)))
            for svm, spread_px in zip(self.svms_, self.spreads_px, strict=True)
        ]
        return np.sum(decisions, axis=0)

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Labels (n,)."""
        return self.svms_[0].classes[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """Those of each normalisation's machines, counted from 0."""
        return join_parts({f"{i}": svm.arrays() for i, svm in enumerate(self.svms_)})

    def restore(self, arrays: Arrays) -> None:
        """Take the place of fit, from what `arrays` gave."""
        parts = split_parts(arrays, map(str, range(len(self.spreads_px))))
        svms = [restore_svm(self.kernel, "ovr", part) for part in parts.values()]
        if any(not np.array_equal(svm.classes, svms[0].classes) for svm in svms):
            raise BadInput("its machines tell different classes apart")
        self.svms_ = svms

    @property
    def n_parameters(self) -> int:
        """Numbers in support vectors, their weights and the intercepts."""
        return sum(svm.n_parameters for svm in self.svms_)
