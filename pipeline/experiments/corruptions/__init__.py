"""Corrupted test images: each corruption has five severities and a fixed seed.

They follow Hendrycks & Dietterich 2019 (ICLR, "Benchmarking neural network robustness
to common corruptions") and Mu & Gilmer 2019 (MNIST-C), with strengths for 28 x 28
pixels. A file here that assigns CORRUPTIONS adds its own: functions of images (n, h, w)
or (n, h, w, 3) uint8, a strength and a generator. Digits are bright ink on black;
lengths are in pixels.
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
    """A corruption; strengths: five, ascending, in `unit`; place: in tables."""

    name: str
    work: Work
    strengths: tuple[float, float, float, float, float]
    unit: str
    place: int = 100

    def apply(self, images: Batch, level: int) -> Batch:
        """Corrupt images (n, h, w[, 3]) at a severity (level) from 1 to 5."""
        if not 1 <= level <= len(self.strengths):
            raise ValueError(f"level {level}: expected 1 to {len(self.strengths)}")
        seed = [*self.name.encode(), level]  # the same corruption in every run
        rng = np.random.default_rng(seed)
        return self.work(images, self.strengths[level - 1], rng)


def find_corruptions() -> list[Corruption]:
    """All corruptions, sorted by place, then by name."""
    found: list[Corruption] = []
    for name in declarations(corruptions, "CORRUPTIONS"):
        module = importlib.import_module(f"{corruptions.__name__}.{name}")
        found += module.CORRUPTIONS
    return sorted(found, key=lambda one: (one.place, one.name))


def rounded(values: NDArray[np.floating]) -> Batch:
    """Round grey levels to uint8, clipped to 0 and 255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
