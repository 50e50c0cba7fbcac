"""Snow and fog over small pictures; frost needs photographs of it and is left out."""

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
from visbase.pipeline.experiments.corruptions.blur import smear
from visbase.pipeline.images.batches import LUMA


def snow(images: Batch, strength: tuple[float, ...], rng: np.random.Generator) -> Batch:
    """Whiten the image and add flakes, which fall along a line, and again upside down.

    strength: mean and deviation of the noise that becomes flakes, its enlargement, its
    threshold, radius and deviation of the smear, and how much of the image is kept.
    """
    mean, deviation, zoom, threshold, radius, sigma, kept = strength
    n, height, width = images.shape[:3]
    flakes = rng.normal(mean, deviation, (n, height, width)).astype(np.float32)
    rows, columns = (int(np.ceil(side / zoom)) for side in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = flakes[:, top : top + rows, left : left + columns]
    flakes = np.stack([cv2.resize(one, (width, height)) for one in middle])
    flakes = np.where(flakes < threshold, 0, np.minimum(flakes, 1))[..., None]
    flakes = smear(flakes, int(radius), sigma, rng.uniform(-135, -45, (n,)))
    pixels = channels_last(images)
    grey = pixels @ LUMA[:, None] if pixels.shape[3] == 3 else pixels
    white = np.maximum(pixels, 1.5 * grey + 0.5)
    fallen = flakes + flakes[:, ::-1, ::-1]
    snowy = kept * pixels + (1 - kept) * white + fallen
    return rounded(255 * snowy).reshape(images.shape)


def fog(
    images: Batch, strength: tuple[float, float], rng: np.random.Generator
) -> Batch:
    """Add a cloud to each image and scale the sum to the image's largest level.

    strength: how much of the cloud is added, and how fast its details fade.
    """
    amount, decay = strength
    n, height, width = images.shape[:3]
    cloud = plasma(n, max(height, width), decay, rng)[:, :height, :width, None]
    pixels = channels_last(images)
    brightest = pixels.max(axis=(1, 2, 3), keepdims=True)
    foggy = (pixels + amount * cloud) * (brightest / (brightest + amount))
    return rounded(255 * foggy).reshape(images.shape)


def plasma(
    n: int, least_side: int, decay: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw n clouds from 0 to 1 by diamonds and squares (Fournier et al. 1982).

    Returns (n, side, side), the side a power of two from least_side on. A midpoint is
    the mean of four neighbours, with noise whose limit is divided by decay squared at
    each halving of the distance; opposite borders meet.
    """
    side = 1 << (least_side - 1).bit_length()
    heights, limit = np.zeros((n, side, side), np.float32), 1.0

    def midpoints(sums: NDArray[np.float32]) -> NDArray[np.float32]:
        noise = rng.uniform(-limit, limit, sums.shape)
        return (sums / 4 + noise).astype(np.float32)

    step = side
    while step > 1:
        half = step // 2
        corners = heights[:, ::step, ::step]
        rows = corners + np.roll(corners, -1, 1)
        heights[:, half::step, half::step] = midpoints(rows + np.roll(rows, -1, 2))
        middles = heights[:, half::step, half::step]
        above = middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 2)
        beside = middles + np.roll(middles, 1, 2) + rows
        heights[:, ::step, half::step] = midpoints(above)
        heights[:, half::step, ::step] = midpoints(beside)
        step, limit = half, limit / decay**2
    heights -= heights.min(axis=(1, 2), keepdims=True)
    heights /= heights.max(axis=(1, 2), keepdims=True)
    return heights


CORRUPTIONS = (
    Corruption(
        "snow",
        snow,
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        place=28,
        kinds=OBJECTS,
    ),
    Corruption(
        "fog",
        fog,
        ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        "(amount, fading)",
        place=29,
        kinds=OBJECTS,
    ),
)
