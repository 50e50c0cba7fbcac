"""Corrupted test images: each corruption has five severities and a fixed seed.

They follow Hendrycks & Dietterich 2019 (ICLR, "Benchmarking neural network robustness
to common corruptions") and Mu & Gilmer 2019 (MNIST-C). A file here that assigns
CORRUPTIONS adds its own: functions of images (n, h, w) or (n, h, w, 3) uint8, a
strength and a generator, and the kinds of images that each is for. Digits are bright
ink on black, of 28 x 28 pixels; objects have the strengths of CIFAR-10-C, for 32 x 32
pixels (make_cifar_c.py of the authors), but grey levels are rounded instead of cut off.
Lengths are in pixels.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import KINDS, FloatArray, Kind
from visbase.pipeline.experiments import corruptions
from visbase.pipeline.storage import declarations

Batch = NDArray[np.uint8]
Work = Callable[[Batch, Any, np.random.Generator], Batch]
DIGITS = ("digits",)
OBJECTS = ("objects", "photographs")


@dataclass(frozen=True)
class Corruption:
    """A corruption; strengths: five, from the weakest, in `unit`; place: in tables.

    A strength may be several numbers. kinds: of images, see `Dataset`; colour: whether
    it takes images (n, h, w, 3) alone.
    """

    name: str
    work: Work
    strengths: Sequence[float] | Sequence[tuple[float, ...]]
    unit: str = ""
    place: int = 100
    kinds: tuple[str, ...] = KINDS
    colour: bool = False

    def strength(self, level: int) -> str:
        """Describe the strength at a severity (level) from 1 to 5."""
        strength = self.strengths[level - 1]
        numbers = strength if isinstance(strength, tuple) else (strength,)
        return f"{', '.join(f'{one:g}' for one in numbers)} {self.unit}".strip()

    def apply(self, images: Batch, level: int) -> Batch:
        """Corrupt images (n, h, w[, 3]) at a severity (level) from 1 to 5."""
        if not 1 <= level <= len(self.strengths):
            raise ValueError(f"level {level}: expected 1 to {len(self.strengths)}")
        seed = [*self.name.encode(), level]  # the same corruption in every run
        rng = np.random.default_rng(seed)
        return self.work(images, self.strengths[level - 1], rng)


def find_corruptions(kind: Kind, channels: int) -> list[Corruption]:
    """All corruptions of such images, sorted by place, then by name.

    channels: 1 for grey images, 3 for RGB.
    """
    found: list[Corruption] = []
    for name in declarations(corruptions, "CORRUPTIONS"):
        module = importlib.import_module(f"{corruptions.__name__}.{name}")
        found += module.CORRUPTIONS
    fitting = [
        one for one in found if kind in one.kinds and (channels == 3 or not one.colour)
    ]
    return sorted(fitting, key=lambda one: (one.place, one.name))


def rounded(values: NDArray[np.floating]) -> Batch:
    """Round grey levels to uint8, clipped to 0 and 255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def channels_last(images: Batch) -> FloatArray:
    """Convert images to (n, h, w, c) float32 from 0 to 1, with c 1 or 3."""
    pixels = images.reshape(*images.shape[:3], -1).astype(np.float32)
    pixels /= 255
    return pixels
