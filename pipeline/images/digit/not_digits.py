"""Draw pictures that are no digits, in MNIST's form, to learn from what digits differ.

They are strokes at random, letters in the plotter fonts of OpenCV (Hershey 1967),
blobs, noise, and digits that were cut, turned, mirrored or put side by side.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.images.digit.ink import FloatArray
from visbase.pipeline.images.digit.normalise import FIELD_PX, form

DRAWN_PX = 84  # side of the drawing, three times MNIST's field
MIRRORED = (3, 4, 7, 9)  # are no digits in a mirror; 2 and 5 look like each other
UPRIGHT = (0, 1, 8)  # are digits when turned by 90 degrees, or look like other signs
LETTERS = "AEFHKMNPRTUVWXYadehkmnrtuvwx"  # that look like no digit
N_FONTS = 8
SEEN = 0.6  # least ink that a drawing has somewhere
NOISE = 0.03  # share of drawings that fill the whole field


def draw_no_digits(
    digits: NDArray[np.uint8], labels: NDArray[np.int64], n: int, seed: int
) -> NDArray[np.uint8]:
    """Draw n pictures (n, 28, 28) uint8 that are no digits, some made of digits."""
    rng = np.random.default_rng(seed)
    kinds: tuple[Callable[[], FloatArray], ...] = (
        lambda: _strokes(rng),
        lambda: _letter(rng),
        lambda: _blob(rng),
        lambda: _piece(rng, digits),
        lambda: _pair(rng, digits),
        lambda: _turned(rng, digits, labels),
    )
    drawn: list[NDArray[np.uint8]] = []
    while len(drawn) < n:
        if rng.random() < NOISE:
            drawn.append(_noise(rng))
            continue
        ink = kinds[rng.choice(len(kinds), p=(0.3, 0.25, 0.2, 0.08, 0.08, 0.09))]()
        if ink.max() >= SEEN:
            drawn.append(form(np.pad(np.clip(ink, 0, 1).astype(np.float32), 2)))
    return np.stack(drawn)


def _strokes(rng: np.random.Generator) -> FloatArray:
    """Two to five lines and arcs, many joined, upright or level as in letters."""
    field = np.zeros((DRAWN_PX, DRAWN_PX), np.uint8)
    width = int(rng.integers(5, 15))
    end = rng.integers(8, DRAWN_PX - 8, 2)
    for _ in range(rng.integers(2, 6)):
        start = rng.integers(8, DRAWN_PX - 8, 2) if rng.random() < 0.4 else end
        end = rng.integers(8, DRAWN_PX - 8, 2)
        if rng.random() < 0.5:
            keeps = int(rng.random() < 0.6)  # x, so that the line is upright, or y
            end[1 - keeps] = start[1 - keeps]
        if rng.random() < 2 / 3:
            cv2.line(field, start.tolist(), end.tolist(), 255, width)
        else:
            turn, sweep = 90.0 * rng.integers(4), float(rng.integers(90, 300))
            axes = rng.integers(8, 30, 2).tolist()
            cv2.ellipse(field, start.tolist(), axes, turn, 0, sweep, 255, width)
    soft = cv2.GaussianBlur(field, (0, 0), 1.5)
    return (soft / 255).astype(np.float32)


def _letter(rng: np.random.Generator) -> FloatArray:
    """A letter, upright or slanted, narrow or wide, in a thin or thick pen."""
    text = LETTERS[rng.integers(len(LETTERS))]
    font, width = int(rng.integers(N_FONTS)), int(rng.integers(2, 14))
    field = np.zeros((3 * DRAWN_PX, 3 * DRAWN_PX), np.uint8)
    cv2.putText(field, text, (80, 160), font, 4, 255, width, cv2.LINE_AA)
    slant, across = rng.uniform(-0.2, 0.3), rng.uniform(0.6, 1.2)
    change = np.array([[across, -slant, 120 * slant], [0, 1, 0]])
    slanted = cv2.warpAffine(field, change, field.shape, flags=cv2.INTER_AREA)
    small = cv2.resize(slanted, (DRAWN_PX, DRAWN_PX), interpolation=cv2.INTER_AREA)
    return (small / 255).astype(np.float32)


def _blob(rng: np.random.Generator) -> FloatArray:
    """Smoothed noise above a level, often one part of it, sometimes cut."""
    across = rng.uniform(2, 14)
    noise = rng.normal(size=(DRAWN_PX, DRAWN_PX)).astype(np.float32)
    ink = cv2.GaussianBlur(noise, (0, 0), across, sigmaY=across * rng.uniform(0.4, 2.5))
    ink = np.clip((ink / ink.std() - rng.uniform(0.3, 1.5)) * rng.uniform(0.5, 3), 0, 1)
    if rng.random() < 0.7:
        n, parts, stats, _ = cv2.connectedComponentsWithStats(
            (ink > 0.3).view(np.uint8)
        )
        if n > 1:
            ink = ink * (parts == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return ink * _half_plane(rng, 0.3) if rng.random() < 0.3 else ink


def _piece(rng: np.random.Generator, digits: NDArray[np.uint8]) -> FloatArray:
    """About one half of a digit."""
    return _enlarged(digits[rng.integers(len(digits))]) * _half_plane(rng, 0.1)


def _pair(rng: np.random.Generator, digits: NDArray[np.uint8]) -> FloatArray:
    """Two digits, side by side or one over the other."""
    one, other = digits[rng.integers(len(digits), size=2)]
    down, across = int(rng.integers(0, 12)), int(rng.integers(0, 18))
    field = np.pad(one, ((0, down), (0, across)))
    place = field[down:, across:]
    np.maximum(place, other, out=place)
    return _enlarged(field)


def _turned(
    rng: np.random.Generator, digits: NDArray[np.uint8], labels: NDArray[np.int64]
) -> FloatArray:
    """A digit turned by 90 degrees, or in a mirror."""
    at = rng.integers(len(digits))
    while labels[at] in UPRIGHT:
        at = rng.integers(len(digits))
    if labels[at] in MIRRORED and rng.random() < 0.5:
        return _enlarged(digits[at][:, ::-1])
    return _enlarged(np.rot90(digits[at]))


def _noise(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A field of noise, from fine to coarse."""
    noise = rng.normal(size=(FIELD_PX, FIELD_PX)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.3, 3))
    return np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


def _half_plane(rng: np.random.Generator, off: float) -> NDArray[np.bool_]:
    """One side of a line at any angle, at most `off` of half a side from the centre."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : DRAWN_PX * 1j, -1 : 1 : DRAWN_PX * 1j]
    return np.asarray(np.cos(angle) * x + np.sin(angle) * y > rng.uniform(-off, off))


def _enlarged(digit: NDArray[np.uint8]) -> FloatArray:
    size = tuple(3 * side for side in digit.shape[::-1])
    large = cv2.resize(np.ascontiguousarray(digit), size, interpolation=cv2.INTER_CUBIC)
    return (large / 255).astype(np.float32)
