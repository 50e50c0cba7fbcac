"""Remove rules: long straight strokes such as lines of paper, underlines and grids.

In: a mask of ink. Out: the mask without rules, and what was removed. Where a digit
crosses a rule, the digit's stroke stays, because it is thicker there than the rule
(as staff lines are removed from music, Dalitz et al. 2008).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Runs = NDArray[np.int32]
Labels = NDArray[np.int32]

SEARCH_PX = 500  # rules are searched in a mask shrunk to this longest side
SLOPES = np.tan(np.deg2rad(np.arange(-12, 13, 2)))
WINDOW = 0.14  # of the longest side; a rule is straight over this length
COVERED = 0.8  # of the window, at least
THICKEST = 0.022  # of the longest side
LONGER = 1.3  # times the digits' height: a horizontal stroke of that length is a rule
LONGEST_STEM = 2.2  # times the height of the rest: so is a vertical one
SHORTEST = 0.5  # times the digits' height, from the border or a rule to a digit
STURDY = 0.7  # of a digit's ink, if it is in strokes thicker than rules
CROSSING = 1.6  # times a rule's thickness; where ink is thicker, a digit crosses it


def remove_rules(mask: Mask, frames: Mask) -> tuple[Mask, Mask]:
    """Remove long straight strokes from a mask (h, w): the rest, what was removed.

    frames (h, w): what was removed before; a stroke between two frames is a rule.
    """
    runs, across = _runs(mask), _runs(mask.T)
    lying, standing = _strokes(mask, runs), _strokes(mask.T, across).T
    if not (lying.any() or standing.any()):
        return mask, np.zeros_like(mask)
    height = _height(_opened(mask & ~lying & ~standing))
    if not height:
        return mask, np.zeros_like(mask)
    removed = np.zeros_like(mask)
    flat, upright = _parts(lying, height), _parts(standing.T, height)
    for _ in range(2):  # the first rules that are found help to find others
        near = cv2.dilate(
            (removed | frames).astype(np.uint8), np.ones((9, 9), np.uint8)
        )
        bounds = near > 0
        bounds[[0, -1]] = bounds[:, [0, -1]] = True
        removed |= _rules(flat, lying, runs, bounds, height, LONGER)
        removed |= _rules(upright, standing.T, across, bounds.T, height, LONGEST_STEM).T
    if not removed.any():
        return mask, removed
    return _closed(mask, removed), removed


def _strokes(mask: Mask, runs: Runs) -> Mask:
    """Mark what may belong to a nearly horizontal rule: thin, straight and long."""
    longest = max(mask.shape)
    thin = mask & (runs <= max(THICKEST * longest, 3))
    ratio = min(SEARCH_PX / longest, 1)
    size = tuple(max(round(side * ratio), 1) for side in mask.shape[::-1])
    small = cv2.resize(thin.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    # 3 rows thick, to bear slopes between those that are tried, and waves
    ink = np.uint8(255) * (small > 0.2)
    small = cv2.dilate(ink, np.ones((3, 1), np.uint8))
    window = max(round(WINDOW * max(size)), 15)
    height, width = small.shape
    if width < window or np.count_nonzero(small) < window:
        return np.zeros_like(mask)
    found = np.zeros_like(small)
    for slope in SLOPES:
        shear = np.array([[1, 0, 0], [-slope, 1, slope * width / 2]], np.float32)
        level = cv2.warpAffine(small, shear, (width, height), flags=cv2.INTER_NEAREST)
        covered = cv2.blur(level, (window, 1), borderType=cv2.BORDER_CONSTANT)
        # shorter at the image's ends, where the window sees the border's zeros
        is_full = covered >= COVERED * 255
        if is_full.any():
            full = cv2.dilate(is_full.astype(np.uint8), np.ones((1, window), np.uint8))
            back = cv2.warpAffine(
                full * level,
                shear,
                (width, height),
                flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            )
            found = np.maximum(found, back)
    if not found.any():
        return np.zeros_like(mask)
    near = cv2.dilate(found, np.ones((3, 3), np.uint8))
    size = (mask.shape[1], mask.shape[0])
    return thin & (cv2.resize(near, size, interpolation=cv2.INTER_NEAREST) > 0)


def _runs(mask: Mask) -> Runs:
    """How long the vertical run of ink through each pixel is, (h, w); 0 outside."""
    height = len(mask)
    rows = np.arange(height, dtype=np.int32)[:, None]
    above = np.maximum.accumulate(np.where(mask, -1, rows), axis=0)
    below = np.minimum.accumulate(np.where(mask, height, rows)[::-1], axis=0)[::-1]
    return np.where(mask, below - above - 1, 0)


def _height(rest: Mask) -> float:
    """Height of the tallest part that is no dash, 0 if nothing is left."""
    stats = cv2.connectedComponentsWithStats(rest.astype(np.uint8))[2][1:]
    return float(stats[:, cv2.CC_STAT_HEIGHT].max(initial=0))


def _opened(rest: Mask) -> Mask:
    """Leave out what is only a few pixels wide: remains of rules."""
    return (
        cv2.morphologyEx(
            rest.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)
        )
        > 0
    )


def _parts(strokes: Mask, height: float) -> tuple[Labels, NDArray[np.int32]]:
    """Join nearly horizontal strokes where digits cross them: labels and boxes."""
    gap = max(round(height / 2), 3) | 1
    joined = cv2.morphologyEx(
        np.pad(strokes.astype(np.uint8), gap),
        cv2.MORPH_CLOSE,
        np.ones((3, gap), np.uint8),
    )[gap:-gap, gap:-gap]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    return np.asarray(labels, np.int32), np.asarray(stats[:, :4], np.int32)


def _rules(
    parts: tuple[Labels, NDArray[np.int32]],
    strokes: Mask,
    runs: Runs,
    bounds: Mask,
    height: float,
    longer: float,
) -> Mask:
    """Keep the parts of nearly horizontal strokes that are rules.

    A rule is so many times longer than the digits' height, or it is about as long and
    ends at other rules or the image's border on both sides, or goes from there into a
    digit.
    """
    removed = np.zeros_like(strokes)
    labels, boxes = parts
    for part in range(1, len(boxes)):
        left, top, width, tall = boxes[part].tolist()
        box = np.s_[top : top + tall, left : left + width]
        stroke = (labels[box] == part) & strokes[box]
        if width < longer * height:
            at_bound = (stroke & bounds[box]).any(axis=0)
            end = max(width // 8, 6)
            ends = int(at_bound[:end].any()) + int(at_bound[-end:].any())
            if not ends or width < (SHORTEST, 0.3)[ends - 1] * height:
                continue
        thick = float(np.median(runs[box][stroke]))
        removed[box] |= stroke & (runs[box] <= max(CROSSING * thick, thick + 1))
    return removed


def _closed(mask: Mask, removed: Mask) -> Mask:
    """Take rules away with what sticks out, and close the gaps that they leave."""
    rest = mask & ~removed
    runs = np.minimum(_runs(removed), _runs(removed.T).T)
    thick = int(np.percentile(runs[removed], 75)) + 3
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thick | 1, thick | 1))
    sturdy = cv2.morphologyEx(rest.astype(np.uint8), cv2.MORPH_OPEN, brush) > 0
    rest = _opened(rest)
    n, parts = cv2.connectedComponents(rest.astype(np.uint8))
    share = np.bincount(parts[sturdy & rest], minlength=n) / np.bincount(parts.ravel())
    rest &= sturdy | (share[parts] < STURDY)  # thin pens keep their strokes
    opened = rest.astype(np.uint8)
    closed = cv2.morphologyEx(np.pad(opened, thick), cv2.MORPH_CLOSE, brush)
    return (opened > 0) | (removed & (closed[thick:-thick, thick:-thick] > 0))
