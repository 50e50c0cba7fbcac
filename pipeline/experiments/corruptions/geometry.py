"""Shift, rotate, shrink and shear digits; bilinear, black outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.experiments.corruptions import DIGITS, Batch, Corruption
from visbase.pipeline.images.warp import about_middle, warp


def shift(images: Batch, length: float, rng: np.random.Generator) -> Batch:
    """Move each image by `length` pixels in a random direction."""
    angle = rng.uniform(0, 2 * np.pi, len(images))
    moves = length * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _moved(images, np.tile(np.eye(2), (len(images), 1, 1)), moves)


def rotation(images: Batch, degrees: float, rng: np.random.Generator) -> Batch:
    """Rotate each image about its centre, in a random direction."""
    angle = np.radians(degrees) * rng.choice([-1, 1], len(images))
    cosine, sine = np.cos(angle), np.sin(angle)
    rows = [np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)]
    return _moved(images, np.stack(rows, axis=1))


def scale(images: Batch, factor: float, _rng: np.random.Generator) -> Batch:
    """Shrink each image to `factor` of its size about its centre."""
    return _moved(images, np.tile(np.eye(2) / factor, (len(images), 1, 1)))


def shear(images: Batch, slope: float, rng: np.random.Generator) -> Batch:
    """Shear each image by `slope` columns per row, in a random direction."""
    maps = np.tile(np.eye(2), (len(images), 1, 1))
    maps[:, 0, 1] = slope * rng.choice([-1, 1], len(images))
    return _moved(images, maps)


def _moved(
    images: Batch, maps: NDArray[np.float64], moves: NDArray[np.float64] | None = None
) -> Batch:
    """Show at pixel p the input at maps (p - middle) + middle - move.

    maps (n, 2, 2), moves (n, 2) in x and y.
    """
    height, width = images.shape[1:3]
    back = None if moves is None else -moves
    return warp(images, about_middle(maps, height, width, back))


CORRUPTIONS = (
    Corruption("shift", shift, (1, 2, 3, 4, 5), "pixels", 1, DIGITS),
    Corruption("rotation", rotation, (10, 20, 30, 40, 50), "degrees", 2, DIGITS),
    Corruption("scale", scale, (0.9, 0.8, 0.7, 0.6, 0.5), "of the size", 3, DIGITS),
    Corruption(
        "shear", shear, (0.15, 0.3, 0.45, 0.6, 0.75), "columns a row", 4, DIGITS
    ),
)
