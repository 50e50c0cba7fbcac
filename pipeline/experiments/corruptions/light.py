"""Invert images in part, or brighten them."""

from __future__ import annotations

import numpy as np

from visbase.pipeline.experiments.corruptions import DIGITS, Batch, Corruption, rounded


def inversion(images: Batch, part: float, _rng: np.random.Generator) -> Batch:
    """Go `part` of the way from the image to its negative."""
    return rounded((1 - part) * images + part * (255.0 - images))


def brightness(images: Batch, part: float, _rng: np.random.Generator) -> Batch:
    """Add `part` of white everywhere."""
    return rounded(images + 255 * part)


CORRUPTIONS = (
    Corruption(
        "inversion", inversion, (0.2, 0.4, 0.6, 0.8, 1), "of the way", 10, DIGITS
    ),
    Corruption(
        "brightness", brightness, (0.1, 0.2, 0.3, 0.4, 0.5), "of white", 11, DIGITS
    ),
)
