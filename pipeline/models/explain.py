"""Draw the evidence of each keypoint or pixel for one class against another.

A linear decision is the product of a weight vector and a feature vector; for other
kernels the gradient at the image takes the place of the weights. The feature vector is
a sum over keypoints, so the decision is a sum of one number per keypoint and an
intercept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Evidence
from visbase.pipeline.errors import printable
from visbase.pipeline.images.batches import to_grey, to_rgb
from visbase.pipeline.models.picture import write_picture

FloatArray = NDArray[np.float32]
Picture = NDArray[np.uint8]

LEAST_PX, MOST_PX = 480, 960  # longer side of the picture
FOR, AGAINST = (235, 30, 30), (30, 90, 255)  # R, G, B
OPACITY = 0.75  # of the strongest evidence
LEGEND_PX, BAR_PX, TEXT_PX = 60, 14, 15  # height, width, size
FONT = "uni"  # OpenCV's own font for every script


def draw_evidence(
    image: Picture, evidence: Evidence, classes: Sequence[str], path: Path
) -> None:
    """Write a picture of an image (h, w[, 3]) with the evidence for its class over it.

    Red supports the winner, blue the runner-up; a legend below names them.
    """
    picture = _dimmed(_enlarged(image))
    heat = heat_map(evidence, *picture.shape[:2])
    heat /= max(float(np.abs(heat).max()), 1e-12)
    names = [classes[i] for i in (evidence.winner, evidence.runner_up)]
    width = max(picture.shape[1], LEAST_PX)  # a narrow one gets white margins
    picture = _tinted(picture, heat)
    margin = width - picture.shape[1]
    beside = ((0, 0), (margin // 2, margin - margin // 2), (0, 0))
    picture = np.pad(picture, beside, constant_values=255)
    drawn = np.vstack([picture, _legend(names, width)])
    write_picture(drawn, path)


def heat_map(evidence: Evidence, height: int, width: int) -> FloatArray:
    """Spread each contribution evenly over its patch -> (height, width) float32.

    The map covers the whole image, whatever its proportions. Positive values support
    the winner; all values sum to the contributions.
    """
    corners = np.zeros((height + 1, width + 1), np.float64)
    ends = np.array([width, height])
    middle, half = evidence.xy * ends, evidence.sides * ends / 2
    first = np.clip(np.rint(middle - half), 0, ends - 1).astype(int)
    last = np.clip(np.rint(middle + half), first + 1, ends).astype(int)
    each = evidence.contribution / (last - first).prod(axis=1)
    (left, top), (right, bottom) = first.T, last.T
    # a constant patch is the double cumulative sum of four signed corners
    for rows, columns, sign in (
        (top, left, 1),
        (top, right, -1),
        (bottom, left, -1),
        (bottom, right, 1),
    ):
        np.add.at(corners, (rows, columns), sign * each)
    return corners.cumsum(0).cumsum(1)[:-1, :-1].astype(np.float32)


def _enlarged(image: Picture) -> Picture:
    """Resize (h, w[, 3]) so that the longer side is LEAST_PX to MOST_PX, to RGB."""
    rgb = to_rgb(image[None])[0] if image.ndim == 2 else image
    longest = max(image.shape[:2])
    factor = np.clip(longest, LEAST_PX, MOST_PX) / longest
    height, width = (max(round(side * factor), 1) for side in image.shape[:2])
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=how), np.uint8)


def _dimmed(picture: Picture) -> Picture:
    """Take contrast and most colour from (h, w, 3), so that red and blue stand out."""
    grey = to_grey(picture[None])[0][..., None].astype(np.float32)
    return np.rint(0.2 * picture + 0.4 * grey + 0.2 * 255).astype(np.uint8)


def _tinted(picture: Picture, heat: FloatArray) -> Picture:
    """Lay heat (h, w) from -1 to 1 over a picture (h, w, 3) in red and blue."""
    opacity = OPACITY * np.abs(heat)[..., None]
    colour = np.where(heat[..., None] > 0, FOR, AGAINST)
    return np.rint(picture * (1 - opacity) + colour * opacity).astype(np.uint8)


def _legend(names: Sequence[str], width: int) -> Picture:
    """A bar of the colours, and what they stand for: (LEGEND_PX, width, 3)."""
    strip = np.full((LEGEND_PX, width, 3), 255, np.uint8)
    rows = slice(8, LEGEND_PX - 8)
    heat = np.linspace(1, -1, LEGEND_PX - 16, dtype=np.float32)[:, None]
    strip[rows, 8 : 8 + BAR_PX] = _tinted(strip[rows, :BAR_PX], heat.repeat(BAR_PX, 1))
    face, left = cv2.FontFace(FONT), 16 + BAR_PX
    for colour, name, bottom in zip(("red", "blue"), names, (22, 50), strict=True):
        text = f"{colour}: for {printable(name)}"
        while _text_width(text, face) > width - left - 8:
            text = text[:-2] + "…"
        cv2.putText(strip, text, (left, bottom), (0, 0, 0), face, TEXT_PX)
    return strip


def _text_width(text: str, face: cv2.FontFace) -> int:
    x, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), face, TEXT_PX)
    return int(x + width)
