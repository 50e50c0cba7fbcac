"""Read a page: find its digits, in lines, and bring each to MNIST's form.

Page -> ink -> without frames and rules -> digits -> lines. Each step is a function of
its own file: `ink`, `rings`, `rules`, `parts`, `normalise`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.images.digit.ink import FloatArray, measure_ink
from visbase.pipeline.images.digit.normalise import (
    FIELD_PX,
    form,
    in_form,
    normalise_digit,
)
from visbase.pipeline.images.digit.parts import (
    Box,
    Labels,
    box_of,
    find_parts,
    lines_of,
)
from visbase.pipeline.images.digit.rings import remove_rings
from visbase.pipeline.images.digit.rules import remove_rules
from visbase.pipeline.images.digit.sheet import find_sheet

PAGE_PX = 1000  # larger pages are shrunk to this longest side
STRIP_PX = 700  # the same, of a page more than twice as wide as high
FORM_PX = 78  # larger digits are shrunk before they are brought to MNIST's form
EDGE_PX = 2  # how far the soft edge of a stroke reaches
SPECKS = 0.04  # of the ink; where more was left out, the page has something else
# A page has ink of one kind, and most of it belongs to digits and rules. On 26 kinds of
# pages with digits (20 each) these shares were at most 0.02, 0.52 and 0.18, but for 4
# pages; of 200 photographs of clothing, 39, 31 and 31 % have more than
AGAINST = 0.1  # of ink in its opposite, light for dark
UNEXPLAINED = 0.6  # of the ink elsewhere
COVERED = 0.28  # of the page under digits
SEEN = 0.5  # least ink that a stroke has somewhere
LEAST_PX = 300  # smaller ones are enlarged, so that gaps are some pixels wide


@dataclass(frozen=True)
class Digit:
    """A digit: its box in pixels of the page and its image (28, 28) uint8."""

    box: Box
    image: NDArray[np.uint8]

    def moved(self, matrix: NDArray[np.float64]) -> Digit:
        """The same digit, with a box around its box moved by a matrix (2, 3)."""
        left, top, right, bottom = self.box
        corners = np.array([[x, y, 1] for x in (left, right) for y in (top, bottom)])
        ends = corners @ matrix.T
        low, high = ends.min(axis=0).tolist(), ends.max(axis=0).tolist()
        box = max(int(low[0]), 0), max(int(low[1]), 0), round(high[0]), round(high[1])
        return Digit(box, self.image)


@dataclass(frozen=True)
class Reading:
    """The digits of an image, by lines, and whether it looks like ink on paper."""

    lines: list[list[Digit]]
    is_paper: bool = True


@dataclass(frozen=True)
class Page:
    """The steps: ink (h, w) from 0 to 1, what frames and rules took of it, digits."""

    ink: FloatArray
    removed: NDArray[np.bool_]
    labels: Labels
    left_out: float  # share of the ink that belongs to neither
    against: float  # how much of the opposite of ink there is

    @property
    def is_clean(self) -> bool:
        """Whether there are digits only."""
        return not self.removed.any() and self.left_out < SPECKS

    @property
    def is_paper(self) -> bool:
        """Whether this looks like ink on paper, not like another photograph."""
        own = (self.labels > 0) | self.removed
        near = cv2.dilate(own.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        return (
            self.against < AGAINST
            and float(self.ink[~near].sum()) < UNEXPLAINED * float(self.ink.sum())
            and float(np.mean(self.labels > 0)) < COVERED
        )

    def box_in(self, image: NDArray[np.uint8], box: Box) -> Box:
        """A box of the page in pixels of the image that it was made of."""
        across, down = np.divide(image.shape[1::-1], self.labels.shape[::-1])
        left, top, right, bottom = box
        return (
            int(left * across),
            int(top * down),
            round(right * across),
            round(bottom * down),
        )

    def digit(self, label: int) -> NDArray[np.uint8] | None:
        """Bring a digit to MNIST's form, with the soft edge of its strokes.

        None if its strokes are too thin to be seen in that form, as threads are.
        """
        left, top, right, bottom = box_of(self.labels, label)
        rows, columns = (
            slice(max(top - EDGE_PX, 0), bottom + EDGE_PX),
            slice(max(left - EDGE_PX, 0), right + EDGE_PX),
        )
        labels = self.labels[rows, columns]
        own = labels == label
        size = 2 * EDGE_PX + 1
        near = cv2.dilate(own.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
        near &= ~self.removed[rows, columns] & (labels == 0)
        ink = np.where(own | near, self.ink[rows, columns], 0).astype(np.float32)
        ratio = FORM_PX / max(ink.shape)
        if ratio < 1:  # four times MNIST's box is enough, and quick
            ink = np.asarray(
                cv2.resize(ink, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA),
                np.float32,
            )
        return form(np.pad(ink, 1)) if ink.max() >= SEEN else None


def read_page(image: NDArray[np.uint8]) -> Reading:
    """Find the digits of an image (h, w) or (h, w, 3) uint8.

    An image with one digit and nothing else gives what `normalise_digit` gives, and so
    does one no larger than MNIST's: it has no room for more. Raises BadInput if there
    is no ink.
    """
    height, width = image.shape[:2]
    is_small = max(height, width) <= FIELD_PX
    if is_small or in_form(image) is not None:
        only = Digit((0, 0, width, height), normalise_digit(image))
        return Reading([[only]], not is_small or analyse(image).is_paper)
    sheet = find_sheet(image)
    if sheet is not None:
        reading = _read(sheet[0])
        if reading.lines:
            lines = [
                [digit.moved(sheet[1]) for digit in line] for line in reading.lines
            ]
            return Reading(lines, reading.is_paper)
    reading = _read(image)
    if reading.lines:
        return reading
    only = Digit((0, 0, width, height), normalise_digit(image))
    return Reading([[only]], reading.is_paper)


def _read(image: NDArray[np.uint8]) -> Reading:
    """Read a page without anything around it; no lines if it has no digit."""
    page = analyse(image)
    boxes = [box_of(page.labels, 1 + at) for at in range(page.labels.max())]
    if len(boxes) == 1 and page.is_clean:
        only = Digit(page.box_in(image, boxes[0]), normalise_digit(image))
        return Reading([[only]], page.is_paper)
    found = [
        (box, Digit(page.box_in(image, box), seen))
        for at, box in enumerate(boxes, 1)
        if (seen := page.digit(at)) is not None
    ]
    lines = lines_of([box for box, _ in found])
    return Reading([[found[at][1] for at in line] for line in lines], page.is_paper)


def analyse(image: NDArray[np.uint8]) -> Page:
    """Find ink, frames, rules and digits of an image."""
    longest = max(image.shape[:2])
    if longest < LEAST_PX:
        times = -(-LEAST_PX // longest)
        size = (times * image.shape[1], times * image.shape[0])
        large = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
        image = np.asarray(large, np.uint8)
    is_strip = max(image.shape[:2]) > 2 * min(image.shape[:2])  # its digits are large
    ink, mask, against = measure_ink(image, STRIP_PX if is_strip else PAGE_PX)
    rest, rings = remove_rings(mask)
    rest, rules = remove_rules(rest, rings)
    if rules.any():
        rest, more = remove_rings(rest)
        rings = rings | more
    labels = find_parts(rest)
    return Page(ink, rings | rules, labels, _left_out(rest, labels), against)


def _left_out(rest: NDArray[np.bool_], labels: Labels) -> float:
    """Share of the ink that belongs to no digit, without shadows on the border."""
    n, parts = cv2.connectedComponents(rest.astype(np.uint8))
    rim = np.concatenate([parts[[0, -1]].ravel(), parts[:, [0, -1]].ravel()])
    counts = np.zeros(n, bool)
    counts[1:] = True
    counts[rim] = False
    left = int(np.count_nonzero(counts[parts] & (labels == 0)))
    return left / (int(np.count_nonzero(labels)) or 1)
