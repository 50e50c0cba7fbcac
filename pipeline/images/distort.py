"""Distort images to make virtual training examples (Simard et al. 2003)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.images.warp import about_middle, warp


@dataclass(frozen=True)
class Distortion:
    """Limits of random affine distortions, which are drawn uniformly within them.

    rotation: angle in radians; scale: fraction, drawn for each axis separately; shear:
    columns per row; shift_px: pixels in each direction.
    """

    rotation: float = 0.2
    scale: float = 0.1
    shear: float = 0.15
    shift_px: float = 1.2

    def matrices(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw n random maps (n, 2, 3) from output to input, about the origin."""
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
    images: NDArray[np.uint8],
    distortion: Distortion,
    rng: np.random.Generator,
    rows: slice | NDArray[np.integer] = slice(None),
) -> NDArray[np.uint8]:
    """Distort a copy of each image (n, h, w), bilinear, with black outside.

    rows: which images to copy, by default all. Maps are drawn for all n, so that the
    copy of an image does not depend on which others are copied: near a margin, that
    hangs on the rounding of an SVM.
    """
    maps = distortion.matrices(len(images), rng)[rows]
    height, width = images.shape[1:]
    return warp(
        images[rows], about_middle(maps[:, :, :2], height, width, moves=maps[:, :, 2])
    )
