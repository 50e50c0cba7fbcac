"""Gaussian noise, shot noise and impulse noise."""

from __future__ import annotations

import numpy as np

from visbase.pipeline.experiments.corruptions import (
    DIGITS,
    OBJECTS,
    Batch,
    Corruption,
    rounded,
)


def gaussian_noise(images: Batch, deviation: float, rng: np.random.Generator) -> Batch:
    """Add Gaussian noise; its standard deviation is a fraction of white."""
    noise = rng.standard_normal(images.shape, np.float32)
    return rounded(images + 255 * deviation * noise)


def shot_noise(images: Batch, photons: float, rng: np.random.Generator) -> Batch:
    """Replace each pixel by a Poisson count, with mean `photons` for white."""
    return rounded(rng.poisson(images * (photons / 255)) * (255 / photons))


def impulse_noise(images: Batch, part: float, rng: np.random.Generator) -> Batch:
    """Turn `part` of all grey levels to black or white, as many to either."""
    struck = rng.random(images.shape, np.float32) < part
    ends = rng.integers(2, size=images.shape, dtype=np.uint8) * np.uint8(255)
    return np.where(struck, ends, images)


CORRUPTIONS = (
    Corruption(
        "gaussian_noise",
        gaussian_noise,
        (0.1, 0.2, 0.3, 0.4, 0.5),
        "of white",
        5,
        DIGITS,
    ),
    Corruption("shot_noise", shot_noise, (60, 25, 12, 5, 3), "photons", 6, DIGITS),
    Corruption(
        "gaussian_noise",
        gaussian_noise,
        (0.04, 0.06, 0.08, 0.09, 0.1),
        "of white",
        21,
        OBJECTS,
    ),
    Corruption(
        "shot_noise", shot_noise, (500, 250, 100, 75, 50), "photons", 22, OBJECTS
    ),
    Corruption(
        "impulse_noise",
        impulse_noise,
        (0.01, 0.02, 0.03, 0.05, 0.07),
        "of all levels",
        23,
        OBJECTS,
    ),
)
