"""Warp images by affine maps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def warp(images: NDArray[np.uint8], sources: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Warp images (n, h, w[, 3]), bilinear, with black outside.

    sources (n, 2, 3): for each image the map from output to input pixels, x first.
    """
    height, width = images.shape[1:3]
    result = np.empty(images.shape, images.dtype)  # in C order, as OpenCV needs it
    for image, moved, source in zip(images, result, sources, strict=True):
        cv2.warpAffine(
            image,
            source,
            (width, height),
            dst=moved,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
    return result


def about_middle(
    maps: NDArray[np.float64],
    height: int,
    width: int,
    moves: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Turn linear maps (n, 2, 2) about an image's middle into sources of `warp`.

    moves (n, 2): pixels to add to the source, x first. Returns (n, 2, 3).
    """
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    offsets = middle - maps @ middle
    if moves is not None:
        offsets = moves + offsets
    return np.concatenate([maps, offsets[:, :, None]], axis=2)
