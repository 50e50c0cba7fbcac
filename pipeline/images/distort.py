"""Distorted copies of images: virtual training examples (Simard et al. 2003)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.images.warp import about_middle, warp


@dataclass(frozen=True)
class Distortion:
    """Largest strength of each random affine distortion; drawn uniformly below it.

    rotation and shear in radians; scale as a fraction, each axis on its own; shift in
    pixels.
    """

    rotation: float = 0.2
    scale: float = 0.1
    shear: float = 0.15
    shift_px: float = 1.2

    def matrices(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """n random maps (n, 2, 3) from output to input pixels, about the origin."""
        angle, shear = (
            rng.uniform(-limit, limit, n) for limit in (self.rotation, self.shear)
        )
        size = rng.uniform(1 - self.scale, 1 + self.scale, (n, 2))
        shift = rng.uniform(-self.shift_px, self.shift_px, (n, 2))
        turn = np.empty((n, 2, 2))
        turn[:, 0, 0] = turn[:, 1, 1] = np.cos(angle)
        turn[:, 1, 0] = np.sin(angle)
        turn[:, 0, 1] = -turn[:, 1, 0]
        lean = np.tile(np.eye(2), (n, 1, 1))
        lean[:, 0, 1] = shear
        return np.concatenate(
            [turn @ lean * size[:, None, :], shift[:, :, None]], axis=2
        )


def distort(
    images: NDArray[np.uint8], how: Distortion, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One distorted copy of each image (n, h, w); bilinear, black outside."""
    maps = how.matrices(len(images), rng)
    height, width = images.shape[1:]
    return warp(
        images, about_middle(maps[:, :, :2], height, width, moves=maps[:, :, 2])
    )
