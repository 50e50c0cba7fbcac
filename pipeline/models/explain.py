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
from visbase.pipeline.images.batches import to_grey
from visbase.pipeline.storage.atomic import write_named

FloatArray = NDArray[np.float32]

LEAST_SIDE_PX = 480  # smaller images are enlarged to this longer side
STRONGEST = 200  # number of keypoints drawn as dots
FOR, AGAINST = (40, 90, 230), (220, 130, 30)  # B, G, R


def draw_evidence(
    image: NDArray[np.uint8], evidence: Evidence, classes: Sequence[str], path: Path
) -> None:
    """Write a PNG of the image with the evidence for the winner red, against it blue.

    Each contribution is spread over its patch; the strongest keypoints are dots.
    """
    grey = to_grey(image[None])[0]
    factor = max(LEAST_SIDE_PX / max(grey.shape), 1)
    height, width = (round(side * factor) for side in grey.shape)
    canvas = cv2.resize(grey, (width, height), interpolation=cv2.INTER_NEAREST)
    heat = _heat(evidence, height, width, factor)
    strength = (np.abs(heat) / max(float(np.abs(heat).max()), 1e-12))[..., None]
    colour = np.where(heat[..., None] > 0, FOR, AGAINST)
    picture = 0.6 * canvas[..., None] + 0.2 * 255
    picture = picture * (1 - 0.8 * strength) + colour * 0.8 * strength
    picture = np.ascontiguousarray(np.clip(picture, 0, 255), np.uint8)
    if len(evidence.xy) < grey.size:  # keypoints, not pixels
        _dots(picture, evidence)
    text = f"red: {classes[evidence.winner]}, blue: {classes[evidence.runner_up]}"
    strip = np.full((28, width, 3), 255, np.uint8)
    cv2.putText(
        strip, text, (6, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA
    )
    png = cv2.imencode(".png", np.vstack([picture, strip]))[1].tobytes()
    with write_named(path) as file:
        file.write(png)


def _heat(evidence: Evidence, height: int, width: int, factor: float) -> FloatArray:
    """Spread each contribution evenly over its patch -> (height, width)."""
    corners = np.zeros((height + 1, width + 1), np.float64)
    x = evidence.xy[:, 0] * width
    y = evidence.xy[:, 1] * height
    half = evidence.side_px * factor / 2
    left, top = (
        np.clip(np.rint(middle - half), 0, end - 1).astype(int)
        for middle, end in ((x, width), (y, height))
    )
    right, bottom = (
        np.clip(np.rint(middle + half), first + 1, end).astype(int)
        for middle, first, end in ((x, left, width), (y, top, height))
    )
    area = (right - left) * (bottom - top)
    each = evidence.contribution / area
    # a constant patch is the double cumulative sum of four signed corners
    for rows, columns, sign in (
        (top, left, 1),
        (top, right, -1),
        (bottom, left, -1),
        (bottom, right, 1),
    ):
        np.add.at(corners, (rows, columns), sign * each)
    return corners.cumsum(0).cumsum(1)[:-1, :-1].astype(np.float32)


def _dots(picture: NDArray[np.uint8], evidence: Evidence) -> None:
    height, width = picture.shape[:2]
    size = np.abs(evidence.contribution)
    strongest = np.argsort(size, kind="stable")[-STRONGEST:]
    for i in strongest:
        place = int(evidence.xy[i, 0] * width), int(evidence.xy[i, 1] * height)
        radius = 2 + round(3 * float(size[i] / max(size[strongest].max(), 1e-12)))
        colour = FOR if evidence.contribution[i] > 0 else AGAINST
        cv2.circle(picture, place, radius + 1, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, place, radius, colour, -1, cv2.LINE_AA)
