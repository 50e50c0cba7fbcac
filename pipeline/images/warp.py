"""The one place that warps images by affine maps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def warp(images: NDArray[np.uint8], sources: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Images (n, h, w[, 3]) whose pixel p shows the input's at the image of p.

    sources (n, 2, 3): a map from output to input pixels for each image, x first.
    Bilinear, black outside.
    """
    height, width = images.shape[1:3]
    result = np.empty_like(images)
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
    """Linear maps (n, 2, 2) about an image's middle, as sources (n, 2, 3) of `warp`.

    moves (n, 2): what is added to the source, x first, in pixels.
    """
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    offsets = middle - maps @ middle
    if moves is not None:
        offsets = moves + offsets
    return np.concatenate([maps, offsets[:, :, None]], axis=2)
