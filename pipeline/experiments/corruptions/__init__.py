"""Corrupted test images: kinds of five strengths each, from a fixed seed.

Kinds and their order of strength follow Hendrycks & Dietterich 2019 (ICLR,
"Benchmarking neural network robustness to common corruptions") and Mu & Gilmer 2019
(MNIST-C), with strengths for 28 x 28 pixels. A file here that says CORRUPTIONS adds
its kinds: functions of images (n, h, w) uint8, a strength and a generator. Images are
bright ink on black; lengths in pixels of such an image.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.experiments import corruptions
from visbase.pipeline.storage import declarations

Batch = NDArray[np.uint8]
Work = Callable[[Batch, float, np.random.Generator], Batch]


@dataclass(frozen=True)
class Corruption:
    """One kind; strengths: five, rising; unit: of them, in words; place: in tables."""

    name: str
    work: Work
    strengths: tuple[float, float, float, float, float]
    unit: str
    place: int = 100

    def apply(self, images: Batch, level: int) -> Batch:
        """Images (n, h, w) corrupted with strength number level, 1 to 5."""
        if not 1 <= level <= len(self.strengths):
            raise ValueError(f"level {level}: expected 1 to {len(self.strengths)}")
        seed = [*self.name.encode(), level]  # the same corruption in every run
        rng = np.random.default_rng(seed)
        return self.work(images, self.strengths[level - 1], rng)


def find_corruptions() -> list[Corruption]:
    """Every kind, in the order of their places, then of their names."""
    found: list[Corruption] = []
    for name in declarations(corruptions, "CORRUPTIONS"):
        module = importlib.import_module(f"{corruptions.__name__}.{name}")
        found += module.CORRUPTIONS
    return sorted(found, key=lambda one: (one.place, one.name))


def rounded(values: NDArray[np.floating]) -> Batch:
    """Grey levels of any size, rounded to uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
