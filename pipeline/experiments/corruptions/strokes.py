"""Smooth, hide, thicken and spatter strokes."""

from __future__ import annotations

import cv2
import numpy as np

from visbase.pipeline.experiments.corruptions import DIGITS, Batch, Corruption
from visbase.pipeline.images.batches import to_grey

FINE = 4  # pixels per pixel and axis while strokes are thickened


def blur(images: Batch, sigma: float, _rng: np.random.Generator) -> Batch:
    """Smooth with a Gaussian of standard deviation sigma."""
    return np.stack([cv2.GaussianBlur(image, (0, 0), sigma) for image in images])


def occlusion(images: Batch, side: float, rng: np.random.Generator) -> Batch:
    """Black out a square around a random pixel of each image's ink."""
    result, half = images.copy(), int(side) // 2
    for image in result:
        ink = np.argwhere(to_grey(image[None])[0] > 127)
        if len(ink):
            y, x = ink[rng.integers(len(ink))]
            image[max(y - half, 0) : y + half, max(x - half, 0) : x + half] = 0
    return result


def thickness(images: Batch, radius: float, _rng: np.random.Generator) -> Batch:
    """Thicken strokes by `radius` on each side: dilation by a disc, in finer pixels."""
    side = 2 * round(radius * FINE) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    result = np.empty_like(images)
    for image, thick in zip(images, result, strict=True):
        fine = cv2.resize(image, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LINEAR)
        fine = cv2.dilate(fine, disc)
        cv2.resize(fine, image.shape[1::-1], dst=thick, interpolation=cv2.INTER_AREA)
    return result


def spatter(images: Batch, part: float, rng: np.random.Generator) -> Batch:
    """Cover `part` of each image with white drops: smoothed noise above a quantile."""
    noise = rng.standard_normal(images.shape[:3], np.float32)
    smooth = np.stack([cv2.GaussianBlur(one, (0, 0), 1.0) for one in noise])
    limit = np.quantile(smooth, 1 - part, axis=(1, 2), keepdims=True)
    result = images.copy()
    result[smooth > limit] = 255
    return result


CORRUPTIONS = (
    Corruption("blur", blur, (0.5, 1, 1.5, 2, 2.5), "pixels", 7, DIGITS),
    Corruption("occlusion", occlusion, (4, 6, 8, 10, 12), "pixels a side", 8, DIGITS),
    Corruption(
        "thickness", thickness, (0.25, 0.5, 1, 1.5, 2), "pixels a side", 9, DIGITS
    ),
    Corruption(
        "spatter", spatter, (0.02, 0.05, 0.1, 0.15, 0.2), "of the area", 12, DIGITS
    ),
)
