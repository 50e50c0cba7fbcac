"""Extract the ink of a drawn or photographed digit.

In: an image of any size, grey or RGB, dark on light or light on dark. Out: how much ink
each pixel holds, from 0 to 1, cropped to the digit; uneven light and noise are removed.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput

FloatArray = NDArray[np.float32]

WORK_PX = 400  # larger images are shrunk to this longest side: 20 times MNIST's box
SMALL_PX = 150  # longest side of the image in which shadows are first looked for
SMOOTHED_FROM_PX = 64  # smaller images have strokes too thin to be smoothed
FAINTEST = 10.0  # least contrast of ink with its background, in grey levels
NOISE_FACTOR = 5.0  # least contrast of ink, in standard deviations of the noise
WIDEST_STROKE = 0.3  # of the image's longest side; anything wider is a shadow
GAP = 0.1  # of the longest side of a digit; its parts lie closer than this
SPECK = 0.1  # of the ink of the largest part; parts with less are specks

BLANK = (
    "no digit found: expected ink that differs from the background by at least "
    f"{FAINTEST:.0f} of 255 grey levels and by more than the noise; use an image of "
    "digits, dark on light or light on dark"
)


def find_ink(image: NDArray[np.uint8]) -> FloatArray:
    """Find the ink (h', w') from 0 to 1 in an image (h, w) or (h, w, 3) uint8.

    Images larger than WORK_PX are shrunk first. The ink is cropped to the digit and a
    rim of at least one pixel without ink. Raises BadInput if there is no ink.
    """
    ink, mask, _ = measure_ink(image, WORK_PX)
    return without_specks(ink, mask)


def measure_ink(
    image: NDArray[np.uint8], longest_px: int
) -> tuple[FloatArray, NDArray[np.bool_], float]:
    """Measure the ink of an image (h, w) or (h, w, 3) uint8, wherever it is.

    Images with a longer side than longest_px are shrunk first. -> ink (h', w') from 0
    to 1; where it is at least half (h', w'); and how much there is of the opposite of
    ink, light for dark, from 0 to 1. Raises BadInput if there is no ink.
    """
    image = image.reshape(*image.shape[:2], -1)
    values = _shrink(image, longest_px)
    background = _background(_shrink(image, WORK_PX))  # smooth, so few pixels do
    if background.shape != values.shape:
        size = values.shape[1::-1]
        background = cv2.resize(background, size).astype(np.float32)
    contrast = _contrast(values, background.reshape(values.shape))
    both = (_subtract_shadows(contrast), _subtract_shadows(-contrast))
    opposite, ink = sorted(both, key=_strength)
    if max(ink.shape) >= SMOOTHED_FROM_PX:
        ink = cv2.GaussianBlur(ink, (0, 0), 1).astype(np.float32)
    noise = _noise(ink)
    threshold = max(_otsu(ink), NOISE_FACTOR * noise, FAINTEST / 2)
    strong = ink[ink > threshold]
    full = float(np.percentile(strong, 75)) if strong.size else 0.0
    if full < FAINTEST:
        raise BadInput(BLANK)
    floor = min(2 * noise, full / 4)
    amount = np.clip((ink - floor) / (full - floor), 0, 1)
    against = _strength(_calm(opposite)) / _strength(_calm(ink))
    return amount.astype(np.float32), ink > max(full / 2, NOISE_FACTOR * noise), against


def _strength(ink: FloatArray) -> float:
    """How much ink there is; much of it counts more than its area."""
    positive = np.maximum(ink, 0)
    return float(np.sum(positive * positive * positive))


def _calm(ink: FloatArray) -> FloatArray:
    """Average away noise."""
    small = _shrink(ink[..., None], WORK_PX)[..., 0]
    return cv2.GaussianBlur(small, (0, 0), 1).astype(np.float32)


def _shrink(image: NDArray[np.uint8] | FloatArray, longest_px: int) -> FloatArray:
    """Shrink (h, w, c) by area averaging until no side exceeds longest_px."""
    height, width = image.shape[:2]
    values = image.astype(np.float32)
    ratio = longest_px / max(height, width)
    if ratio < 1:
        size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
        values = cv2.resize(values, size, interpolation=cv2.INTER_AREA).astype(
            np.float32
        )
    return values.reshape(*values.shape[:2], image.shape[2])


def _contrast(values: FloatArray, background: FloatArray) -> FloatArray:
    """Subtract the background (h, w, c) of values: signed grey levels (h, w).

    Colours are projected on the axis along which they differ most from the background,
    so that red on green of the same luma stands out too. Dark ink absorbs a share of
    the light, so its contrast is lower in darker places; this is compensated.
    """
    difference = values - background
    projected = difference[..., 0]
    if values.shape[2] > 1:
        channels = difference.reshape(-1, values.shape[2])
        axis = np.linalg.eigh(channels.T @ channels)[1][:, -1]
        projected = difference @ (axis / np.abs(axis).sum())
    light, mean = background.mean(axis=2), difference.mean(axis=2)
    if np.sum(mean * mean * mean) < 0:
        projected = projected * (light.max() / np.maximum(light, light.max() / 4))
    return projected.astype(np.float32)


def _background(values: FloatArray) -> FloatArray:
    """Fit a quadratic surface to the background of each channel, (h, w, c).

    The fit starts from a plane through the border, which is background. Pixels far from
    the plane, compared with how well the border follows it, are ink and hardly count.
    """
    height, width, n_channels = values.shape
    step = max(max(height, width) // 50, 1)  # a smooth surface needs few pixels
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=2)
    sampled, target = terms[::step, ::step], values[::step, ::step]
    rim = np.ones(sampled.shape[:2], bool)
    rim[1:-1, 1:-1] = False
    start = np.broadcast_to(np.median(target[rim], axis=0), target[rim].shape)
    plane = _robust_fit(sampled[rim][:, :3], target[rim], start)
    scale = _spread(target[rim] - sampled[rim][:, :3] @ plane)
    surface = _robust_fit(
        sampled.reshape(-1, 6),
        target.reshape(-1, n_channels),
        sampled[..., :3].reshape(-1, 3) @ plane,
        scale,
    )
    return (terms @ surface).astype(np.float32)


def _robust_fit(
    terms: FloatArray, target: FloatArray, guess: FloatArray, scale: float | None = None
) -> FloatArray:
    """Fit coefficients (t, c) of terms (N, t) to target (N, c), from a first guess.

    Least squares with weights that fall with the residual (Geman & McClure 1985).
    """
    for _ in range(10):
        residual = np.abs(target - guess).max(axis=1)
        far = residual / (scale or _spread(target - guess))
        weight = 1 / (1 + far**2)
        weighted = terms * weight[:, None] ** 2
        coefficients = np.linalg.lstsq(  # an image of one row leaves some undetermined
            (weighted.T @ terms).astype(np.float64), weighted.T @ target, rcond=1e-6
        )[0]
        guess = terms @ coefficients.astype(np.float32)
    return coefficients.astype(np.float32)


def _spread(residual: NDArray[np.floating]) -> float:
    """Return how far residuals (N, c) of background may lie, in grey levels."""
    return max(3 * float(np.median(np.abs(residual).max(axis=1))), 4.0)


def _subtract_shadows(contrast: FloatArray) -> FloatArray:
    """Subtract shadows: wider than any stroke, and touching the border of the image.

    A morphological opening finds what is wider than a stroke. It would follow the
    lowest values of noise, so a median removes noise first and keeps the edges of
    shadows in place. All that is slow, so a small image tells first if there is any.
    """
    small = np.maximum(_shrink(contrast[..., None], SMALL_PX)[..., 0], 0)
    if not _wide_on_border(small, FAINTEST / 4).any():
        return contrast
    longest = max(contrast.shape)
    levels = np.clip(contrast, 0, 255).astype(np.uint8)
    calm = cv2.medianBlur(levels, max(longest // 50, 1) | 1)
    return contrast - _wide_on_border(calm, FAINTEST / 2)


def _wide_on_border(levels: NDArray[Any], least: float) -> NDArray[Any]:
    """What is wider than a stroke and touches the border; 0 elsewhere."""
    side = round(WIDEST_STROKE * max(levels.shape)) | 1
    wide = cv2.morphologyEx(levels, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    _, labels = cv2.connectedComponents((wide > least).astype(np.uint8))
    rim = np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()])
    return np.where(np.isin(labels, rim[rim > 0]), wide, 0)


def _noise(ink: FloatArray) -> float:
    """Estimate the standard deviation of the background, in grey levels.

    Negative values are background only: noise and remains of shadows. Above a tenth of
    the strongest ink, only variation over a few pixels counts, which is noise.
    """
    below = -ink[ink < 0]
    if not below.size:
        return 0.0
    rapid = np.abs(ink - cv2.GaussianBlur(ink, (0, 0), 4))
    shaky, uneven = (1.4826 * float(np.median(part)) for part in (rapid, below))
    return min(uneven, max(shaky, float(ink.max()) / 10))


def _otsu(ink: FloatArray) -> float:
    """Return the threshold that best separates ink from background (Otsu 1979)."""
    largest = max(float(ink.max()), 1e-6)
    levels = np.clip(ink * (255 / largest), 0, 255).astype(np.uint8)
    return cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[0] * largest / 255


def without_specks(amount: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    """Crop to the digit's parts and their soft edges, without specks."""
    parts = _groups(mask)
    near = cv2.dilate(parts, np.ones((5, 5), np.uint8)) > 0
    kept = np.where(near, amount, 0).astype(np.float32)
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    box = kept[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(box, 1)


def _groups(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Mark the parts of the mask (h, w) that belong to the digit with 1.

    Parts that lie close together form a group. The largest group off the border is the
    digit, or the largest of all if the digit was cropped tightly.
    """
    stats = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2]
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    side = max(stats[largest, cv2.CC_STAT_WIDTH], stats[largest, cv2.CC_STAT_HEIGHT])
    reach = max(round(GAP * side), 1) | 1
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8))
    n_groups, groups = cv2.connectedComponents(joined)
    groups = np.where(mask, groups, 0)
    mass = np.bincount(groups.ravel(), minlength=n_groups)
    mass[0] = 0
    rim = np.concatenate([groups[[0, -1]].ravel(), groups[:, [0, -1]].ravel()])
    inside = mass.copy()
    inside[np.unique(rim)] = 0
    if inside.max() >= SPECK * mass.max():
        mass = inside
    return np.isin(groups, np.flatnonzero(mass >= SPECK * mass.max())).astype(np.uint8)
