"""Batches of images: sizes, grey from colour, rows of pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Images, LazyImages
from visbase.pipeline.errors import BadInput

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
    n_sizes = len(np.unique(sizes(images), axis=0))
    if n_sizes > 1:
        raise BadInput(
            f"this method needs images of one size, found {n_sizes} sizes; "
            "use one without deskewing and distorted copies, or resize them"
        )
    return np.stack([to_grey(image[None])[0] for image in images])


def sizes(images: Images) -> NDArray[np.int64]:
    """Height and width of each of n images, (n, 2)."""
    if isinstance(images, np.ndarray):
        return np.tile(np.array(images.shape[1:3], np.int64), (len(images), 1))
    if isinstance(images, LazyImages):
        return images.sizes
    return np.array([image.shape[:2] for image in images], np.int64).reshape(-1, 2)


def within(images: Images, longest_px: int) -> Images:
    """Images whose longer side is at most longest_px, larger ones shrunk to it."""
    if isinstance(images, np.ndarray) and max(images.shape[1:3]) <= longest_px:
        return images
    if isinstance(images, LazyImages):
        return images.within(longest_px)
    return [shrink(image, longest_px) for image in images]


def shrink(image: NDArray[np.uint8], longest_px: int) -> NDArray[np.uint8]:
    """(h, w) or (h, w, 3), averaged over areas until the longer side is longest_px."""
    import cv2  # commands that compute nothing do without

    height, width = shrunk_size(image.shape[0], image.shape[1], longest_px)
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def shrunk_size(height: int, width: int, longest_px: int) -> tuple[int, int]:
    """Height and width once the longer side is longest_px at most."""
    factor = min(longest_px / max(height, width), 1)
    return max(round(height * factor), 1), max(round(width * factor), 1)


def resized(images: Images, height: int, width: int) -> NDArray[np.uint8]:
    """n images of any sizes -> grey (n, height, width), the aspect given up."""
    import cv2  # commands that compute nothing do without

    result = np.empty((len(images), height, width), np.uint8)
    for row, image in zip(result, images, strict=True):
        grey = to_grey(image[None])[0]
        cv2.resize(grey, (width, height), dst=row, interpolation=cv2.INTER_AREA)
    return result


def choose(images: Images, rows: NDArray[np.int64]) -> Images:
    """The images at the given positions, in that order."""
    if isinstance(images, np.ndarray):
        return images[rows]
    if isinstance(images, LazyImages):
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
