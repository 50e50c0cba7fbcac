"""Anybody's digit, made to look like one of MNIST."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.images import to_grey

SIDE = 28


def normalise_digit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w) or (h, w, 3) -> grey (28, 28)."""
    import cv2

    grey = to_grey(image[None])[0]
    if grey.shape == (SIDE, SIDE):
        return grey
    resized: NDArray[np.uint8] = cv2.resize(
        grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )
    return resized
