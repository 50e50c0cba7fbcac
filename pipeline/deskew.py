"""Deskewing by image moments: slanted digits stand upright.

The slant of a shape is the regression of x on y over its ink, mu11 / mu02 (the central
moments of Hu 1962); shearing rows by it about the centre of mass makes the regression
zero. LeCun et al. (1998, section III.A) call images so treated "deslanted".
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def slant(image: NDArray[np.uint8]) -> tuple[float, float]:
    """Columns of shift a row down, and the row of the centre of mass.

    image (h, w), bright ink on black. A blank image or a single row has slant 0.
    """
    moments = cv2.moments(image)
    if moments["mu02"] < 1e-3 * max(moments["m00"], 1e-12):
        return 0.0, 0.0
    return moments["mu11"] / moments["mu02"], moments["m01"] / moments["m00"]


def deskew(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shear each image (n, h, w) so that its slant is zero; bilinear, black outside."""
    result = np.empty_like(images)
    height, width = images.shape[1:]
    for image, upright in zip(images, result, strict=True):
        shift, row = slant(image)
        source = np.array([[1, shift, -shift * row], [0, 1, 0]], np.float32)
        cv2.warpAffine(
            image,
            source,
            (width, height),
            dst=upright,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
    return result
