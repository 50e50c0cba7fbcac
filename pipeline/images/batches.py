"""Batches of images: sizes, conversion to grey, rows of pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Images
from visbase.pipeline.errors import BadInput

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, for R, G, B


@runtime_checkable
class LazyImages(Protocol):
    """A sequence of image files, each decoded when it is accessed."""

    sizes: NDArray[np.int64]  # (n, 2), heights and widths
    digests: list[str]  # of what is in the files, see `photo_files.Decoded`

    def take(self, rows: NDArray[np.int64]) -> Sequence[NDArray[np.uint8]]:
        """Return the images at these positions, in this order, without decoding."""

    def coarse(self, at: int, least_px: int) -> NDArray[np.uint8]:
        """Return an image of which no side is shorter than least_px for its scale."""

    def within(self, longest_px: int) -> Sequence[NDArray[np.uint8]]:
        """Return the images, shrunk when read so that no side exceeds longest_px."""


def to_grey(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert (n, h, w, 3) RGB to (n, h, w), the rounded luma; keep (n, h, w)."""
    if images.dtype != np.uint8 or (images.ndim != 3 and images.shape[3:] != (3,)):
        raise BadInput(
            "expected uint8 images of shape (n, h, w) or (n, h, w, 3), found "
            f"{images.dtype} of shape {images.shape}"
        )
    if images.ndim == 3:
        return images
    return np.rint(images.astype(np.float32) @ LUMA).astype(np.uint8)


def stack(images: Images) -> NDArray[np.uint8]:
    """Stack n images of one size, (n, h, w), or (n, h, w, 3) if any has colour.

    Raises BadInput if sizes differ.
    """
    if isinstance(images, np.ndarray):
        return images
    n_sizes = len(np.unique(sizes(images), axis=0))
    if n_sizes > 1:
        raise BadInput(
            f"this method needs images of one size, found {n_sizes} sizes; "
            "use a method without deskewing and distorted copies, or resize the images"
        )
    decoded = list(images)
    channels = 3 if any(image.ndim == 3 for image in decoded) else 1
    return np.stack([with_channels(image[None], channels)[0] for image in decoded])


def stack_grey(images: Images) -> NDArray[np.uint8]:
    """Stack n images of one size as grey (n, h, w); BadInput if sizes differ."""
    return to_grey(stack(images))


def sizes(images: Images) -> NDArray[np.int64]:
    """Return the height and width of each of n images, (n, 2)."""
    if isinstance(images, np.ndarray):
        return np.tile(np.array(images.shape[1:3], np.int64), (len(images), 1))
    if isinstance(images, LazyImages):
        return images.sizes
    return np.array([image.shape[:2] for image in images], np.int64).reshape(-1, 2)


def within(images: Images, longest_px: int) -> Images:
    """Shrink the images whose longer side exceeds longest_px to that size."""
    if isinstance(images, np.ndarray) and max(images.shape[1:3]) <= longest_px:
        return images
    if isinstance(images, LazyImages):
        return images.within(longest_px)
    return [shrink(image, longest_px) for image in images]


def shrink(image: NDArray[np.uint8], longest_px: int) -> NDArray[np.uint8]:
    """Shrink (h, w) or (h, w, 3) by area averaging until it fits longest_px."""
    return shrink_to(image, *shrunk_size(image.shape[0], image.shape[1], longest_px))


def shrink_to(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Shrink (h, w) or (h, w, 3) to a height and width by area averaging."""
    import cv2  # slow to import, and many commands do not need it

    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def shrunk_size(height: int, width: int, longest_px: int) -> tuple[int, int]:
    """Return height and width, scaled down until both are at most longest_px."""
    factor = min(longest_px / max(height, width), 1)
    return max(round(height * factor), 1), max(round(width * factor), 1)


def to_rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat grey (n, h, w) as (n, h, w, 3); keep RGB."""
    return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)


def with_channels(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Convert to grey (n, h, w) for 1 channel, to RGB (n, h, w, 3) for 3."""
    return to_grey(images) if channels == 1 else to_rgb(images)


def coarsely(images: Images, height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """Yield images that are to be shrunk to a height and width.

    Photographs are decoded at the scale at which that is cheapest, twice the size or
    more, so that no detail is lost.
    """
    if not isinstance(images, LazyImages):
        return iter(images)
    least_px = 2 * max(height, width)
    return (images.coarse(at, least_px) for at in range(len(images.digests)))


def resized(
    images: Images, height: int, width: int, channels: int
) -> NDArray[np.uint8]:
    """Resize n images of any size to (n, height, width[, 3]); the aspect may change."""
    import cv2  # slow to import, and many commands do not need it

    shape = (height, width) if channels == 1 else (height, width, channels)
    result = np.empty((len(images), *shape), np.uint8)
    for row, image in zip(result, coarsely(images, height, width), strict=True):
        pixels = with_channels(image[None], channels)[0]
        # INTER_AREA averages pixels when it shrinks, which avoids aliasing
        cv2.resize(pixels, (width, height), dst=row, interpolation=cv2.INTER_AREA)
    return result


def drop_false_colour(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn (n, h, w, 3) to grey (n, h, w) if red, green and blue are equal throughout.

    Keep (n, h, w). Grey photographs are often saved with three channels.
    """
    return images[..., 0] if images.ndim == 4 and all(map(is_grey, images)) else images


def is_grey(image: NDArray[np.uint8]) -> bool:
    """Whether an image (h, w) or (h, w, 3) has no colour."""
    return image.ndim == 2 or bool((image == image[..., :1]).all())


def choose(images: Images, rows: NDArray[np.int64]) -> Images:
    """Return the images at the given positions, in that order."""
    if isinstance(images, np.ndarray):
        return images[rows]
    if isinstance(images, LazyImages):
        return images.take(rows)
    return [images[int(row)] for row in rows]


def with_values(images: NDArray[np.uint8], n_values: int) -> NDArray[np.uint8]:
    """Convert (n, h, w) or (n, h, w, 3) to RGB if an image then has n_values, or grey.

    For a model that knows how many values the images had that it was fitted to.
    """
    _, height, width = images.shape[:3]
    return with_channels(images, 3 if n_values == 3 * height * width else 1)


def pixel_rows(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flatten (n, h, w) or (n, h, w, 3) uint8 to (n, d) float32 from 0 to 1."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows /= 255
    return rows


def unit_rows(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flatten images as `pixel_rows` to unit vectors (n, d); black images stay 0."""
    rows = pixel_rows(images)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=rows, where=length > 0)
