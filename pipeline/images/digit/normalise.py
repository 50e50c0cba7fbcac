"""Bring a drawn or photographed digit into the form of MNIST.

LeCun, Cortes & Burges (page of MNIST): digits were "size normalized to fit in a 20x20
pixel box while preserving their aspect ratio", grey by antialiasing, and "centered in a
28x28 image by computing the center of mass of the pixels, and translating the image so
as to position this point at the center of the 28x28 field". Measured on the 60,000
training images: the longest side is 20 px in all but 13, which have 19; the centre of
mass lies at 14.00 +- 0.29 in both directions, at most 0.52 away, where the first
pixel's centre is 0. So the translation was by whole pixels, to pixel (14, 14).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import to_grey
from visbase.pipeline.images.digit.ink import FloatArray, find_ink

FIELD_PX = 28
BOX_PX = 20
CENTRE_PX = 14  # pixel that the centre of mass falls on
OFF_CENTRE_PX = 0.52  # what shifts by whole pixels left in MNIST, at most
FINE = 8  # a pixel of the box is averaged from FINE x FINE
# Strokes with a smaller mean width in the box are widened to this; MNIST's mean is 2.8
# +- 0.6. On 200 training images with strokes made 1.5 px thinner, an SVM read 85.5 %
# without this and 95 % with it; on 300 enlarged images it made no difference.
THIN_PX = 2.5


def normalise_digit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Normalise (h, w) or (h, w, 3) RGB uint8 to (28, 28) uint8, white on black.

    An image in this form, or its negative, keeps every pixel. Raises BadInput if there
    is no ink.
    """
    kept = in_form(image)
    return form(find_ink(image)) if kept is None else kept


def in_form(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return an image that has MNIST's form, or its negative has; None for others.

    Raises BadInput if the image has no pixels.
    """
    if image.size == 0:
        raise BadInput(f"expected an image with pixels, found shape {image.shape}")
    grey = to_grey(image[None])[0]
    for candidate in (grey, 255 - grey):
        if _is_normalised(candidate):
            return candidate.copy()
    return None


def form(ink: FloatArray) -> NDArray[np.uint8]:
    """Bring ink (h, w) from 0 to 1 with an empty rim to MNIST's form (28, 28) uint8."""
    return _place(_scale(ink))


def _is_normalised(grey: NDArray[np.uint8]) -> bool:
    """Whether an image has the size, box and centre of mass of an MNIST digit."""
    if grey.shape != (FIELD_PX, FIELD_PX):
        return False
    rows, columns = (np.flatnonzero(grey.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return False
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    off = np.abs(np.subtract(_centre_of_mass(grey), CENTRE_PX)).max()
    return (
        longest in (BOX_PX - 1, BOX_PX) and grey.max() >= 250 and off <= OFF_CENTRE_PX
    )


def _centre_of_mass(image: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the centre of mass (row, column); the first pixel's centre is 0."""
    moments = cv2.moments(image)
    return moments["m01"] / moments["m00"], moments["m10"] / moments["m00"]


def _scale(ink: FloatArray) -> FloatArray:
    """Scale ink (h, w) with a black rim to (20, w') or (h', 20), with maximum 1."""
    fine = _average(ink, BOX_PX * FINE)
    thickness = _thickness_px(fine)
    if thickness < THIN_PX:
        fine = _thicken(fine, THIN_PX - thickness)
    box = _average(fine, BOX_PX)
    return np.clip(box[1:-1, 1:-1] / box.max(), 0, 1)


def _thickness_px(fine: FloatArray) -> float:
    """Estimate the mean thickness of strokes, in pixels of the box.

    The mean distance to the edge inside a bar is a quarter of the bar's width.
    """
    inside = (fine >= 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, cv2.DIST_MASK_5)
    return 4 * float(distance[distance > 0].mean()) / FINE


def _thicken(fine: FloatArray, by_px: float) -> FloatArray:
    """Widen strokes by so many pixels of the box, keeping a black rim."""
    size = round(by_px * FINE) | 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(np.pad(fine, size), brush).astype(np.float32)


def _average(ink: FloatArray, longest_px: int) -> FloatArray:
    """Crop ink (h, w) with a black rim and scale it to the given longest side.

    The result is padded with a black rim.
    """
    factor = -(-2 * longest_px // max(ink.shape))
    if factor > 1:  # averaging alone would leave the pixels visible as squares
        size = (ink.shape[1] * factor, ink.shape[0] * factor)
        ink = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    top, bottom = _extent(ink.max(axis=1))
    left, right = _extent(ink.max(axis=0))
    cell = max(bottom - top, right - left) / longest_px
    rows, columns = (
        max(round((end - start) / cell), 1)
        for start, end in ((top, bottom), (left, right))
    )
    return np.pad(
        _overlap(ink.shape[0], (top + bottom - rows * cell) / 2, cell, rows)
        @ ink
        @ _overlap(ink.shape[1], (left + right - columns * cell) / 2, cell, columns).T,
        1,
    )


def _extent(profile: FloatArray) -> tuple[float, float]:
    """Return where a profile (n,) with black ends first and last crosses 0.5.

    The first pixel reaches from 0 to 1. Crossings are interpolated between pixel
    centres, so that a soft edge counts for the part of a pixel that it covers.
    """
    inside = np.flatnonzero(profile >= 0.5)
    first, last = int(inside[0]), int(inside[-1])
    before, after = profile[first - 1], profile[last + 1]
    return (
        first - 0.5 + float((0.5 - before) / (profile[first] - before)),
        last + 1.5 - float((0.5 - after) / (profile[last] - after)),
    )


def _overlap(n: int, start: float, cell: float, n_cells: int) -> FloatArray:
    """Return a matrix (n_cells, n) that averages n pixels over cells from `start`."""
    edges = start + cell * np.arange(n_cells + 1)[:, None]
    covered = np.clip(edges - np.arange(n), 0, 1)  # of each pixel, before each edge
    return (np.diff(covered, axis=0) / cell).astype(np.float32)


def _place(box: FloatArray) -> NDArray[np.uint8]:
    """Place a box of ink so that its centre of mass falls on pixel (14, 14)."""
    digit = np.rint(box * 255).astype(np.uint8)
    height, width = digit.shape
    row, column = _centre_of_mass(digit)
    top = int(np.clip(round(CENTRE_PX - row), 0, FIELD_PX - height))
    left = int(np.clip(round(CENTRE_PX - column), 0, FIELD_PX - width))
    field = np.zeros((FIELD_PX, FIELD_PX), np.uint8)
    field[top : top + height, left : left + width] = digit
    return field
