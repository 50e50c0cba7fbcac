"""Remove frames and rings: strokes that enclose the digits.

In: a mask of ink. Out: the mask without enclosing strokes, whatever their shape, and
what was removed. A digit that touches its frame stays.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

LEAST_PX = 24  # shorter side of a frame
CONVEX = 0.9  # least share of the convex hull that a frame encloses
THICKEST = 0.1  # of a frame's shorter side
OPEN = 0.04  # of a frame's shorter side; a gap up to this long leaves it closed
DRAWN = 0.75  # least share of the outline that has ink
CONTENT = 0.4  # of a frame's height; nothing lower makes it a frame, if they touch
APART = 0.12  # the same, if they do not
OPEN_DRAWN = 0.88  # least share of the outline of a ring that is not closed
NESTED = 3  # frames within frames, at most


def remove_rings(mask: Mask) -> tuple[Mask, Mask]:
    """Remove enclosing strokes from a mask (h, w): the rest, and what was removed."""
    rest = mask.copy()
    for _ in range(NESTED):
        found = False
        n, labels, stats, _ = cv2.connectedComponentsWithStats(rest.astype(np.uint8))
        for part in range(1, n):
            left, top, width, height = stats[part, :4].tolist()
            if min(width, height) < LEAST_PX:
                continue
            rows, columns = slice(top, top + height), slice(left, left + width)
            inside = rest[rows, columns]
            ring = _ring(labels[rows, columns] == part, inside)
            if ring is not None:
                inside &= ~ring
                found = True
        if not found:
            break
    return rest, mask & ~rest


def _ring(part: Mask, ink: Mask) -> Mask | None:
    """Find the enclosing stroke of a connected part (h, w), None if it has none.

    ink: all ink in the part's box. The stroke is as deep as most of the outline is
    inked. It is a frame if what is left inside is high enough to be a digit.
    """
    shorter = min(part.shape)
    whole, is_closed = _depth(part, round(OPEN * shorter))
    deepest = int(THICKEST * shorter) + 2
    pixels = np.bincount(whole.ravel(), minlength=deepest + 2)[1 : deepest + 2]
    inked = np.bincount(whole[part], minlength=deepest + 2)[1 : deepest + 2]
    drawn = inked / np.maximum(pixels, 1)
    least = DRAWN if is_closed else OPEN_DRAWN
    if drawn.max() < least:
        return None
    first = int(np.argmax(drawn >= least))
    sparse = np.flatnonzero(drawn[first:] < 0.4)
    if not sparse.size:
        return None
    thick = first + int(sparse[0]) + 1
    within = ink & (whole > thick)
    n, labels, stats, _ = cv2.connectedComponentsWithStats(within.astype(np.uint8))
    outer = np.zeros(n, np.int32)  # how deep each part inside reaches
    np.maximum.at(outer, np.asarray(labels, np.int32).ravel(), whole.ravel())
    touches = np.bincount(labels[part], minlength=n) > 0
    lowest = np.where(touches, CONTENT, APART) * part.shape[0]
    content = (stats[:, cv2.CC_STAT_HEIGHT] >= lowest) & (outer > 2 * thick)
    if not content[1:].any():
        return None
    remains = outer <= 2 * thick  # where the stroke is thicker than elsewhere
    remains[0] = False
    ring: Mask = (part & (whole <= thick)) | remains[labels]
    return ring


def _depth(part: Mask, gap: int) -> tuple[NDArray[np.int32], bool]:
    """How far each pixel lies inside the outline (h, w), 0 outside; if it is closed."""
    closed = np.pad(part.astype(np.uint8), gap + 1)
    if gap > 1:
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap | 1, gap | 1))
        filled = cv2.morphologyEx(closed, cv2.MORPH_CLOSE, brush)
        closed = np.asarray(filled, np.uint8)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)
    hull = cv2.convexHull(outline)
    is_closed = cv2.contourArea(outline) >= CONVEX * cv2.contourArea(hull)
    outline = outline if is_closed else hull
    filled = cv2.drawContours(np.zeros_like(closed), [outline], -1, 1, cv2.FILLED)
    depth = cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_5)
    inner = slice(gap + 1, -gap - 1)
    return np.ceil(depth[inner, inner]).astype(np.int32), is_closed
