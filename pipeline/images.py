"""What a batch of images may be, and how colour becomes grey."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BadInput
from pipeline.photo_files import PhotoFiles

# (n, h, w) or (n, h, w, 3) uint8, or a sequence of (h, w) or (h, w, 3) uint8 arrays of
# differing size (PhotoFiles, which decodes lazily, where they come from a folder).
Images = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, for R, G, B


def to_grey(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, h, w) unchanged; (n, h, w, 3) RGB -> (n, h, w), rounded luma."""
    if images.dtype != np.uint8 or (images.ndim != 3 and images.shape[3:] != (3,)):
        raise BadInput(
            "expected uint8 images of shape (n, h, w) or (n, h, w, 3), found "
            f"{images.dtype} of shape {images.shape}"
        )
    if images.ndim == 3:
        return images
    return np.rint(images.astype(np.float32) @ LUMA).astype(np.uint8)


def stack_grey(images: Images) -> NDArray[np.uint8]:
    """n images of one size -> grey (n, h, w); BadInput where their sizes differ."""
    if isinstance(images, np.ndarray):
        return to_grey(images)
    if isinstance(images, PhotoFiles):  # knows without decoding
        sizes = {(int(height), int(width)) for height, width in images.sizes}
    else:
        sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        raise BadInput(
            f"this method needs images of one size, found {len(sizes)} sizes; "
            "use one without deskewing and distorted copies, or resize them"
        )
    return np.stack([to_grey(image[None])[0] for image in images])


def choose(images: Images, rows: NDArray[np.int64]) -> Images:
    """The images at the given positions, in that order."""
    if isinstance(images, np.ndarray):
        return images[rows]
    if isinstance(images, PhotoFiles):
        return images.take(rows)
    return [images[int(row)] for row in rows]


def pixel_rows(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey (n, h, w) uint8 -> (n, h w) float32 from 0 to 1."""
    n, height, width = images.shape
    rows = images.reshape(n, height * width).astype(np.float32)
    rows /= 255
    return rows


def unit_rows(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey (n, h, w) uint8 -> (n, h w) float32 of length 1; black images stay 0."""
    rows = pixel_rows(images)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=rows, where=length > 0)
