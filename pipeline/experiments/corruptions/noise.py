"""Gaussian noise and shot noise."""

from __future__ import annotations

import numpy as np

from visbase.pipeline.experiments.corruptions import Batch, Corruption, rounded


def gaussian_noise(images: Batch, deviation: float, rng: np.random.Generator) -> Batch:
    """Add Gaussian noise; its standard deviation is a fraction of white."""
    noise = rng.standard_normal(images.shape, np.float32)
    return rounded(images + 255 * deviation * noise)


def shot_noise(images: Batch, photons: float, rng: np.random.Generator) -> Batch:
    """Replace each pixel by a Poisson count, with mean `photons` for white."""
    return rounded(rng.poisson(images * (photons / 255)) * (255 / photons))


CORRUPTIONS = (
    Corruption(
        "gaussian_noise", gaussian_noise, (0.1, 0.2, 0.3, 0.4, 0.5), "of white", 5
    ),
    Corruption("shot_noise", shot_noise, (60, 25, 12, 5, 3), "photons", 6),
)
