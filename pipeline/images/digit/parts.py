"""Find the digits of a page: join broken strokes, split touching digits, order lines.

In: a mask of ink without frames and rules. Out: a label per digit, and the order of
their boxes, from left to right in lines from top to bottom.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]
Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two excluded

LOWEST = 0.4  # of the tallest part; what is lower is a speck, a dash or a caption
LEAST_PX = 6  # height of a digit
MOST = 500  # digits of a page
REACH = 0.12  # of a digit's height; parts of a digit lie closer than this
ABOVE = 0.3  # of a digit's height, for parts above each other
CUT = 0.07  # of the height of both parts, for a stem that is cut in the middle
BLOB = 0.5  # of the shorter side of a part; on the border, thicker ones are no strokes
FLAT = 3.0  # times its height: a wider part is a dash
LONG = 0.9  # times a digit's height: a longer dash is no bar of a 5
WIDEST = 1.25  # times its height: a wider part is several digits
TOO_WIDE = 1.5  # times the line's typical width, likewise


def find_parts(mask: Mask) -> Labels:
    """Label the digits of a mask (h, w) with 1, 2, ..., and the rest with 0."""
    n, *found = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    labels, stats = (np.asarray(array, np.int32) for array in found[:2])
    boxes = [_box(row) for row in stats]
    strokes = [
        part for part in range(1, n) if not _is_edge(labels, part, boxes[part], mask)
    ]
    tallest = max((boxes[part][3] - boxes[part][1] for part in strokes), default=0)
    if tallest < LEAST_PX:
        return np.zeros_like(labels)
    digit_of = _joined(strokes, boxes, stats[:, cv2.CC_STAT_AREA], tallest)
    table = np.zeros(n, np.int32)
    for part, digit in digit_of.items():
        table[part] = digit
    return _numbered(_split(table[labels]), tallest)


def _box(row: NDArray[np.int32]) -> Box:
    left, top, width, height = row[:4].tolist()
    return left, top, left + width, top + height


def box_of(labels: Labels, digit: int) -> Box:
    """The box around a digit."""
    left, top, width, height = cv2.boundingRect((labels == digit).astype(np.uint8))
    return left, top, left + width, top + height


def _is_edge(labels: Labels, part: int, box: Box, mask: Mask) -> bool:
    """Whether a part on the border is a dark edge or corner, not a stroke."""
    left, top, right, bottom = box
    height, width = mask.shape
    if left > 0 and top > 0 and right < width and bottom < height:
        return False
    ink = (labels[top:bottom, left:right] == part).astype(np.uint8)
    thickest = 2 * cv2.distanceTransform(np.pad(ink, 1), cv2.DIST_L2, 3).max()
    sides = right - left, bottom - top
    along = (left == 0 or right == width) and sides[1] > 0.8 * height
    along |= (top == 0 or bottom == height) and sides[0] > 0.8 * width
    is_bar = along and min(sides) < 0.1 * max(sides)
    return bool(
        is_bar or (thickest > BLOB * min(sides) and max(sides) < 4 * min(sides))
    )


def _joined(
    parts: list[int], boxes: list[Box], areas: NDArray[np.int32], tallest: int
) -> dict[int, int]:
    """Group parts into digits: part -> digit, without specks."""
    tall = [p for p in parts if boxes[p][3] - boxes[p][1] >= LOWEST * tallest]
    if len(tall) > MOST:
        raise BadInput(
            f"{len(tall):,} parts, expected at most {MOST} digits; crop the picture"
        )
    groups = {part: part for part in tall}

    def root(part: int) -> int:
        while groups[part] != part:
            part = groups[part]
        return part

    for i, one in enumerate(tall):  # a digit in two halves above each other
        for other in tall[i + 1 :]:
            (l1, t1, r1, b1), (l2, t2, r2, b2) = boxes[one], boxes[other]
            overlap = min(r1, r2) - max(l1, l2)
            gap = max(t1, t2) - min(b1, b2)
            height = max(b1, b2) - min(t1, t2)
            is_one = gap <= 0.15 * tallest and height <= 1.2 * tallest
            is_one |= gap <= CUT * height
            if is_one and overlap >= 0.5 * min(r1 - l1, r2 - l2):
                groups[root(other)] = root(one)
    ink = float(np.median([areas[part] for part in tall]))
    for part in parts:
        if part in groups or areas[part] < 0.02 * ink:
            continue
        near = [
            (_distance(boxes[part], boxes[digit], tallest), digit) for digit in tall
        ]
        distance, digit = min(near)
        if distance <= 1:
            groups[part] = root(digit)
    return {part: root(part) for part in groups}


def _distance(part: Box, digit: Box, tallest: int) -> float:
    """Distance of a small part from a digit; at most 1 if it belongs to it."""
    across = max(part[0] - digit[2], digit[0] - part[2], 0)
    down = max(part[1] - digit[3], digit[1] - part[3], 0)
    overlap = min(part[2], digit[2]) - max(part[0], digit[0])
    width, height = part[2] - part[0], part[3] - part[1]
    is_below = part[1] > digit[3] - 0.2 * (digit[3] - digit[1])
    if width > FLAT * height and (is_below or width > LONG * (digit[3] - digit[1])):
        return float("inf")  # an underline or a dash
    if overlap >= 0.5 * min(width, digit[2] - digit[0]):
        return down / (ABOVE * tallest)
    return max(across, down) / (REACH * tallest)


def _split(labels: Labels) -> Labels:
    """Split parts that are too wide for one digit at the thinnest places."""
    digits = [int(digit) for digit in np.unique(labels) if digit]
    boxes = {digit: box_of(labels, digit) for digit in digits}
    widths = {d: (b[2] - b[0]) / (b[3] - b[1]) for d, b in boxes.items()}
    single = [width for width in widths.values() if 0.35 < width <= WIDEST]
    typical = float(np.median(single)) if len(single) >= 3 else 0.75
    labels, free = labels.copy(), max(digits) + 1
    for digit in digits:
        if widths[digit] <= max(WIDEST, TOO_WIDE * typical):
            continue
        left, top, right, bottom = boxes[digit]
        n = max(round(widths[digit] / max(typical, 0.6)), 2)
        part = labels[top:bottom, left:right] == digit
        pieces = _pieces(part, n)
        heights = [np.count_nonzero(piece.any(axis=1)) for piece in pieces]
        if min(heights) < 0.5 * (bottom - top):  # the end of a stroke of one digit
            continue
        for piece in pieces[1:]:
            labels[top:bottom, left:right][piece] = free
            free += 1
    return labels


def _pieces(part: Mask, n: int) -> list[Mask]:
    """Cut a part (h, w) into n of about the same width, where least ink is cut."""
    height, width = part.shape
    columns = np.arange(width)
    pieces, start = [], np.zeros(height, np.int64)
    for cut in range(1, n):
        middle, reach = cut * width / n, 0.45 * width / n
        far = np.abs(columns - middle) / reach
        cost = part + 0.15 * far**2 + np.where(far > 1, 10, 0)
        seam = np.maximum(_seam(cost), start)
        pieces.append(part & (columns >= start[:, None]) & (columns < seam[:, None]))
        start = seam
    return [*pieces, part & (columns >= start[:, None])]


def _seam(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """Column per row of the cheapest path from top to bottom (Avidan & Shamir 2007)."""
    height, width = cost.shape
    steps = np.zeros((height, width), np.int64)
    total = cost[0]
    for row in range(1, height):
        beside = np.pad(total, 1, constant_values=np.inf)
        ways = np.stack([beside[1:-1], beside[:-2] + 0.1, beside[2:] + 0.1])
        steps[row] = np.array([0, -1, 1])[ways.argmin(axis=0)]
        total = cost[row] + ways.min(axis=0)
    seam = np.zeros(height, np.int64)
    seam[-1] = int(total.argmin())
    for row in range(height - 1, 0, -1):
        seam[row - 1] = seam[row] + steps[row, seam[row]]
    return seam


def _numbered(labels: Labels, tallest: int) -> Labels:
    """Leave out what is too low, and number the rest by position."""
    table = np.zeros(labels.max() + 1, np.int32)
    kept = 0
    for digit in np.unique(labels[labels > 0]):
        _, top, _, bottom = box_of(labels, int(digit))
        if bottom - top >= LOWEST * tallest:
            kept += 1
            table[digit] = kept
    return table[labels]


def lines_of(boxes: list[Box]) -> list[list[int]]:
    """Order n boxes into lines, from top to bottom: their positions, left to right.

    A box continues the line whose last box it overlaps most in height, so that a line
    may climb or fall.
    """
    lines: list[list[int]] = []
    for at in sorted(range(len(boxes)), key=lambda at: boxes[at][0] + boxes[at][2]):
        _, top, _, bottom = boxes[at]
        best, least = None, 0.35
        for line in lines:
            _, its_top, _, its_bottom = boxes[line[-1]]
            overlap = min(bottom, its_bottom) - max(top, its_top)
            share = overlap / min(bottom - top, its_bottom - its_top)
            if share > least:
                best, least = line, share
        if best is None:
            lines.append([at])
        else:
            best.append(at)
    return sorted(lines, key=lambda line: float(np.mean([boxes[at][1] for at in line])))
