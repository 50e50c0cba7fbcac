"""Blur small pictures: out of focus, through glass, in motion, while zooming."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.experiments.corruptions import (
    OBJECTS,
    Batch,
    Corruption,
    channels_last,
    rounded,
)
from visbase.pipeline.images.warp import about_middle, warp


def defocus_blur(
    images: Batch, strength: tuple[float, float], _rng: np.random.Generator
) -> Batch:
    """Smooth with a disc; strength: its radius, and the Gaussian that softens it."""
    radius, sigma = strength
    at = np.arange(-8, 9)
    disc = (at[:, None] ** 2 + at**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disc / disc.sum(), (3, 3), sigma)
    return np.stack([cv2.filter2D(image, -1, kernel) for image in images])


def glass_blur(
    images: Batch, strength: tuple[float, int], rng: np.random.Generator
) -> Batch:
    """Smooth, show at each pixel itself or a neighbour above or left, smooth again.

    strength: standard deviation, and how often neighbours are shown. The published
    images move pixels like this; the first two rows and columns stay in place.
    """
    sigma, times = strength
    (n, height, width), result = images.shape[:3], _smooth(images, sigma)
    each = np.arange(n)[:, None, None]
    for _ in range(times):
        y, x = (np.tile(at, (n, 1, 1)) for at in np.indices((height, width)))
        y[:, 2:, 2:] -= rng.integers(2, size=(n, height - 2, width - 2))
        x[:, 2:, 2:] -= rng.integers(2, size=(n, height - 2, width - 2))
        result = result[each, y, x]
    return _smooth(result, sigma)


def motion_blur(
    images: Batch, strength: tuple[int, float], rng: np.random.Generator
) -> Batch:
    """Smear each image along a line, up to 45 degrees from the horizontal."""
    angles = rng.uniform(-45, 45, len(images))
    smeared = smear(channels_last(images), *strength, angles)
    return rounded(255 * smeared).reshape(images.shape)


def smear(
    images: NDArray[np.float32],
    radius: int,
    sigma: float,
    degrees: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Average pixels along a line that begins at each, as ImageMagick does.

    images (n, h, w, c), degrees (n,) clockwise from the right. Distances
    up to 2 radius count by a Gaussian of standard deviation sigma. The border is
    repeated.
    """
    n, height, width = images.shape[:3]
    weights = np.exp(-0.5 * (np.arange(2 * radius + 1) / sigma) ** 2)
    angle, each = np.radians(degrees)[:, None], np.arange(n)[:, None, None]
    result = np.zeros_like(images)
    for i, weight in enumerate((weights / weights.sum()).astype(np.float32)):
        down, right = np.rint(i * np.sin(angle)), np.rint(i * np.cos(angle))
        y = np.clip(np.arange(height) + down, 0, height - 1).astype(int)
        x = np.clip(np.arange(width) + right, 0, width - 1).astype(int)
        result += weight * images[each, y[:, :, None], x[:, None, :]]
    return result


def zoom_blur(images: Batch, zoom: float, _rng: np.random.Generator) -> Batch:
    """Average the image with itself, enlarged in steps of 1 % up to about `zoom`."""
    height, width = images.shape[1:3]
    factors = np.arange(1, zoom, 0.01)
    total = images.astype(np.float32)
    for factor in factors:
        maps = about_middle(np.eye(2)[None] / factor, height, width)
        total += warp(images, np.repeat(maps, len(images), axis=0))
    return rounded(total / (len(factors) + 1))


def _smooth(images: Batch, sigma: float) -> Batch:
    border = cv2.BORDER_REPLICATE
    return np.stack(
        [cv2.GaussianBlur(i, (0, 0), sigma, borderType=border) for i in images]
    )


CORRUPTIONS = (
    Corruption(
        "defocus_blur",
        defocus_blur,
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        "pixels (radius, softening)",
        24,
        OBJECTS,
    ),
    Corruption(
        "glass_blur",
        glass_blur,
        ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2)),
        "(deviation in pixels, times)",
        25,
        OBJECTS,
    ),
    Corruption(
        "motion_blur",
        motion_blur,
        ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        "pixels (radius, deviation)",
        26,
        OBJECTS,
    ),
    Corruption(
        "zoom_blur", zoom_blur, (1.06, 1.11, 1.16, 1.21, 1.26), "times", 27, OBJECTS
    ),
)
