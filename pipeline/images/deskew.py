"""Normalise digits by image moments: straighten slanted ones, narrow wide ones.

The slant of a shape is the regression of x on y over its ink, mu11 / mu02 (the central
moments of Hu 1962); shearing rows by it about the centre of mass makes the regression
zero. LeCun et al. (1998, section III.A) call images so treated "deslanted". Scaling the
width as well follows the width-normalised digits of Ciresan et al. (2012, section 3),
with the standard deviation of the ink in place of its bounding box.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.images.warp import warp

LARGEST_SCALING = 1.8  # so that a 1 is not widened to a full digit


@dataclass(frozen=True)
class Shape:
    """Centre of mass (x, y), slant in columns per row, and spread.

    spread_px: standard deviation of x about the slanted axis, in pixels.
    """

    x: float
    y: float
    slant: float
    spread_px: float


def measure(image: NDArray[np.uint8]) -> Shape | None:
    """Measure the shape of bright ink (h, w) on black.

    Returns None for a blank image or ink in a single row, which have no slant.
    """
    moments = cv2.moments(image)
    mass, mu02 = moments["m00"], moments["mu02"]
    if mass == 0 or mu02 / mass < 1e-3:
        return None
    slant = moments["mu11"] / mu02
    variance = max(moments["mu20"] - slant * moments["mu11"], 0) / mass
    return Shape(moments["m10"] / mass, moments["m01"] / mass, slant, variance**0.5)


def deskew(
    images: NDArray[np.uint8], spread_px: float = 0.0, strength: float = 1.0
) -> NDArray[np.uint8]:
    """Shear each image (n, h, w) to zero slant, bilinear, with black outside.

    If spread_px is not 0, the width is also scaled about the centre of mass, by
    (spread_px / the digit's spread) ** strength: a strength of 1 gives every digit the
    same spread, smaller values go part of the way.
    """
    sources = np.tile(np.eye(2, 3, dtype=np.float32), (len(images), 1, 1))
    for image, source in zip(images, sources, strict=True):
        shape = measure(image)
        if shape is None:
            continue
        squeeze = 1.0  # input columns per output column
        if spread_px:
            ratio = np.clip(
                shape.spread_px / spread_px, 1 / LARGEST_SCALING, LARGEST_SCALING
            )
            squeeze = float(ratio**strength)
        left = shape.x - squeeze * shape.x - shape.slant * shape.y
        source[0] = squeeze, shape.slant, left
    return warp(images, sources)
