"""Virtual support vector machine (DeCoste & Schölkopf 2002).

Train one machine per class (one-vs-rest), distort copies of each machine's support
vectors, then train each machine again on its support vectors and their copies. Copies
are shifts by whole pixels, as in the paper, or random affine distortions. Several
normalisations of the digits' width can be combined: each has its own machines, and
their decisions are added.
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
    """A virtual SVM on digits scaled to unit length, a `contracts.Method`.

    spreads_px: one normalisation per value, see `deskew`; jitter_px: largest shift of a
    support vector; copies: random distortions per support vector; fit_machines:
    `fit_svm`, or a function that also caches its result.
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
            raise BadInput("spreads_px=(): expected at least one width; 0 only deskews")

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Fit both passes to n images of one size and labels (n,)."""
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
        virtual = self._virtual(upright, first.rows)
        return self.fit_machines(
            unit_rows(np.concatenate(virtual)),
            np.tile(labels[first.rows], len(virtual)),
            kernel,
            c,
            "ovr",
            np.tile(first.coefficients != 0, (len(virtual), 1)),
        )

    def _virtual(
        self, upright: NDArray[np.uint8], rows: NDArray[np.int64]
    ) -> list[NDArray[np.uint8]]:
        """Return images (s, h, w) by rows (s,), then shifted and distorted copies."""
        rng = np.random.default_rng(self.seed)
        offsets = offsets_within(self.jitter_px)
        return [
            upright[rows],
            *(shift(upright[rows], dx, dy) for dx, dy in offsets),
            *(distort(upright, self.distortion, rng, rows) for _ in range(self.copies)),
        ]

    def scores(self, images: Images) -> FloatArray:
        """Add the decisions of all normalisations: n images -> (n, C)."""
        grey = stack_grey(images)
        decisions = [
            svm.scores(unit_rows(deskew(grey, spread_px)))
            for svm, spread_px in zip(self.svms_, self.spreads_px, strict=True)
        ]
        return np.sum(decisions, axis=0)

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Predict labels (n,)."""
        return self.svms_[0].classes[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """Return the arrays of each normalisation's machines, numbered from 0."""
        return join_parts({f"{i}": svm.arrays() for i, svm in enumerate(self.svms_)})

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model from its `arrays`."""
        parts = split_parts(arrays, map(str, range(len(self.spreads_px))))
        svms = [restore_svm(self.kernel, "ovr", part) for part in parts.values()]
        if any(not np.array_equal(svm.classes, svms[0].classes) for svm in svms):
            raise BadInput(
                "expected the same classes in the machines of every normalisation"
            )
        self.svms_ = svms

    @property
    def n_parameters(self) -> int:
        """Count the numbers in support vectors, weights and intercepts."""
        return sum(svm.n_parameters for svm in self.svms_)
