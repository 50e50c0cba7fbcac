"""Find a sheet of paper that lies on something darker, and straighten it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

THUMB_PX = 250  # the sheet is found in an image of this longest side
COVERS = 0.12  # of the image, at least
FILLS = 0.85  # of its rectangle, at least
DARK = 0.6  # of the sheet's level; what is around it is darker
RIM = 0.75  # of the image's border; a sheet that covers more is the whole image
INSET_PX = 4  # of the thumbnail, cut off each side

Affine = NDArray[np.float64]


def find_sheet(
    image: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], Affine] | None:
    """Cut out the sheet of an image (h, w) or (h, w, 3) uint8, None if there is none.

    -> the sheet, upright, and a matrix (2, 3) from its pixels to the image's.
    """
    height, width = image.shape[:2]
    ratio = min(THUMB_PX / max(height, width), 1)
    size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    if min(size) < THUMB_PX // 10:
        return None
    thumb = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    grey = thumb.reshape(*thumb.shape[:2], -1).max(axis=2)
    least, light = cv2.threshold(grey, 0, 1, cv2.THRESH_OTSU)
    rim = np.concatenate([light[[0, -1]].ravel(), light[:, [0, -1]].ravel()])
    if rim.mean() > RIM or not light.any():
        return None
    closed = cv2.morphologyEx(
        np.pad(light, THUMB_PX // 10),
        cv2.MORPH_CLOSE,
        np.ones((THUMB_PX // 16,) * 2, np.uint8),
    )
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=cv2.contourArea)
    middle, sides, angle = cv2.minAreaRect(outline)
    area = cv2.contourArea(outline)
    inner = np.zeros_like(closed)
    cv2.drawContours(inner, [outline], -1, 1, cv2.FILLED)
    edge = THUMB_PX // 10
    inner = inner[edge:-edge, edge:-edge]
    if area < COVERS * grey.size or area < FILLS * sides[0] * sides[1] or inner.all():
        return None
    paper, around = np.median(grey[inner > 0]), np.median(grey[inner == 0])
    if around > DARK * paper or paper < least:
        return None
    if round(angle / 90) % 2:
        sides = sides[1], sides[0]
    angle -= 90 * round(angle / 90)
    across, down = ((side - 2 * INSET_PX) / ratio for side in sides)
    if min(across, down) < 8:
        return None
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = (np.array(middle) - edge + 0.5) / ratio - 0.5
    start = centre - axes @ np.array([across - 1, down - 1]) / 2
    back = np.column_stack([axes, start])
    sheet = cv2.warpAffine(
        image,
        back,
        (round(across), round(down)),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(sheet, np.uint8), back
