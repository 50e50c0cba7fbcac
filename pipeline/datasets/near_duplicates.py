"""Find photographs that show the same picture: re-encoded, resized, mirrored, cropped.

In: a small grey picture of each photograph, its look. Out: pairs of photographs.
Coefficients of the cosine transform, as in perceptual hashing (Zauner 2010) but not cut
to one bit each, select the candidates by a matrix product. A crop by 3 % changes them,
as do two shirts on the same floor, so each candidate is then laid over its partner
(Evangelidis & Psarakis 2008), and the fine details must agree.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dct
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from visbase.pipeline.contracts import FloatArray
from visbase.pipeline.images.blocks import in_threads

SIDE_PX = 64  # of a look
# Chosen on 900 photographs each of clothes and scenes and five copies of every fifth
FREQUENCIES = 12  # per axis of the cosine transform
ALIKE = 0.7  # least correlation of coefficients; crops by 3 % of each side have 0.76
SAME = 0.8  # least correlation of details; different shirts on one floor reach 0.72
MOST = 20  # candidates per photograph, against folders of frames of one film
MOVED = 0.1  # of the side: the farthest that a crop may have moved a corner
BLOCK = 1000  # photographs compared with all others at once


def look_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink an image (h, w) or (h, w, 3) to its look: grey, (SIDE_PX ** 2,) uint8."""
    # filtered well, since stripes that alias differ from those of a cropped copy
    small = Image.fromarray(pixels).resize(
        (SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS, reducing_gap=3
    )
    return np.asarray(small.convert("L")).ravel()


def near_duplicates(looks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Find the pairs of n photographs that show the same picture.

    looks (n, SIDE_PX ** 2), see `look_of` -> (m, 2), i < j, in ascending order. Copies
    may be re-encoded, resized, mirrored or cropped by about 3 % of each side. Of more
    than MOST copies of one picture, each is paired with the most similar ones. Blank
    photographs have no duplicates.
    """
    pictures = looks.reshape(-1, SIDE_PX, SIDE_PX)
    pairs, mirrored = _candidates(pictures)

    def verify(start: int) -> list[bool]:
        rows = range(start, min(start + BLOCK, len(pairs)))
        return [
            _same(
                pictures[pairs[row, 0]],
                pictures[pairs[row, 1], :, :: -1 if mirrored[row] else 1],
            )
            for row in rows
        ]

    parts = in_threads(verify, range(0, len(pairs), BLOCK))
    kept = np.array([same for part in parts for same in part], bool)
    return np.unique(pairs[kept], axis=0)


def groups_of(n: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the groups that pairs (m, 2) make of n photographs -> (n,) from 0."""
    ones = np.ones(len(pairs), np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), (n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _candidates(
    pictures: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return pairs (m, 2) that may be copies, and whether one is mirrored (m,)."""
    straight = _coefficients(pictures)
    # mirroring changes the sign of the waves of odd horizontal frequency
    mirror = straight * np.tile([1, -1], FREQUENCIES**2 // 2).astype(np.float32)
    pairs, mirrored = [np.empty((0, 2), np.int64)], [np.empty(0, bool)]
    for start in range(0, len(pictures), BLOCK):
        block = straight[start : start + BLOCK]
        rows = np.arange(len(block))
        for is_mirrored, others in enumerate((straight, mirror)):
            alike = block @ others.T
            alike[rows, start + rows] = 0  # itself
            if alike.shape[1] > MOST:
                least = np.partition(alike, -MOST, axis=1)[:, -MOST, None]
                alike[alike < least] = 0
            i, j = np.nonzero(alike > ALIKE)
            pairs.append(np.sort(np.stack([i + start, j], axis=1), axis=1))
            mirrored.append(np.full(len(i), bool(is_mirrored)))
    found = np.column_stack([np.concatenate(pairs), np.concatenate(mirrored)])
    found = np.unique(found, axis=0)  # a pair is seen from both of its sides
    return found[:, :2], found[:, 2] > 0


def _coefficients(pictures: NDArray[np.uint8]) -> FloatArray:
    """Compute unit vectors (n, f * f) of DCT coefficients; zeros for a blank picture.

    Photographs have amplitudes that fall with the frequency (Field 1987), so these are
    multiplied by it: each coefficient then counts about equally.
    """
    waves = dct(np.eye(SIDE_PX, dtype=np.float32), axis=0, norm="ortho")[:FREQUENCIES]
    frequency = np.hypot(*np.ogrid[:FREQUENCIES, :FREQUENCIES]).astype(np.float32)
    result = np.empty((len(pictures), FREQUENCIES**2), np.float32)
    for start in range(0, len(pictures), BLOCK):
        block = pictures[start : start + BLOCK].astype(np.float32)
        weighted = (waves @ block @ waves.T) * frequency
        result[start : start + BLOCK] = weighted.reshape(len(block), -1)
    length = np.linalg.norm(result, axis=1, keepdims=True)
    return np.divide(result, length, out=np.zeros_like(result), where=length > 1)


def _same(look: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether the other look, moved and scaled a little, has the first one's details.

    Both (SIDE_PX, SIDE_PX).
    """
    first, second = (np.array(part, np.float32, order="C") for part in (look, other))
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 1e-4)
    start, everywhere = np.eye(2, 3, dtype=np.float32), np.ones(first.shape, np.uint8)
    try:
        warp = cv2.findTransformECC(
            first, second, start, cv2.MOTION_AFFINE, stop, everywhere, 5
        )[1]
    except cv2.error:  # they do not overlap
        return False
    corners = SIDE_PX * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    moved = corners @ warp[:, :2].T + warp[:, 2] - corners
    if np.abs(moved).max() > MOVED * SIDE_PX:
        return False
    over = cv2.warpAffine(
        second, warp, first.shape, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    a, b = _details(first), _details(over.astype(np.float32))
    return bool((a * b).sum() >= SAME * np.sqrt((a * a).sum() * (b * b).sum()) > 0)


def _details(picture: FloatArray) -> FloatArray:
    """Subtract the blurred picture; leave out the rim, which a crop does not share."""
    rim = SIDE_PX // 12
    fine = picture - cv2.GaussianBlur(picture, (0, 0), 1)
    fine = fine[rim:-rim, rim:-rim]
    return (fine - fine.mean()).astype(np.float32)
