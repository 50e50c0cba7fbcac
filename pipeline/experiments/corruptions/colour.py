"""Change brightness, contrast and saturation of small pictures."""

from __future__ import annotations

import numpy as np

from visbase.pipeline.experiments.corruptions import (
    OBJECTS,
    Batch,
    Corruption,
    channels_last,
    rounded,
)


def brightness(images: Batch, part: float, _rng: np.random.Generator) -> Batch:
    """Add `part` of white to the value (largest channel); hue and saturation stay."""
    pixels = channels_last(images)
    value = pixels.max(axis=3, keepdims=True)
    brighter = np.minimum(value + part, 1)
    scaled = pixels * (brighter / np.where(value > 0, value, 1))
    return rounded(255 * np.where(value > 0, scaled, brighter)).reshape(images.shape)


def contrast(images: Batch, part: float, _rng: np.random.Generator) -> Batch:
    """Keep `part` of each pixel's distance from the mean of its image and channel."""
    means = images.mean(axis=(1, 2), keepdims=True)
    return rounded((images - means) * part + means)


def saturation(
    images: Batch, strength: tuple[float, float], _rng: np.random.Generator
) -> Batch:
    """Multiply the saturation by a factor and add an amount; hue and value stay.

    A grey pixel counts as red, as it does in HSV.
    """
    factor, amount = strength
    pixels = channels_last(images)
    value = pixels.max(axis=3, keepdims=True)
    chroma = value - pixels.min(axis=3, keepdims=True)
    below = np.where(
        chroma > 0, (value - pixels) / np.where(chroma > 0, chroma, 1), (0, 1, 1)
    )
    now = chroma / np.where(value > 0, value, 1)
    return rounded(255 * value * (1 - np.clip(now * factor + amount, 0, 1) * below))


CORRUPTIONS = (
    Corruption(
        "brightness", brightness, (0.05, 0.1, 0.15, 0.2, 0.3), "of white", 30, OBJECTS
    ),
    Corruption(
        "contrast",
        contrast,
        (0.75, 0.5, 0.4, 0.3, 0.15),
        "of the contrast",
        31,
        OBJECTS,
    ),
    Corruption(
        "saturation",
        saturation,
        ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
        "(factor, added)",
        35,
        OBJECTS,
        colour=True,
    ),
)
