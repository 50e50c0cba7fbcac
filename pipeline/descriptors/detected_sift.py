"""Detect and describe SIFT keypoints with OpenCV, as on the lecture's first slide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Descriptors, Images
from visbase.pipeline.descriptors.flat import concatenate
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import to_grey

LARGEST_UPSCALE = 16
BIN_PER_SIZE = 1.5  # OpenCV: a keypoint of diameter s has bins of 1.5 s pixels


@dataclass(frozen=True)
class DetectedSift:
    """SIFT at scale-space extrema (Lowe 2004).

    upscale: factor by which images are enlarged first, 1 to 16: 28 x 28 pixels hold
    few extrema; contrast_threshold: as in OpenCV, lower values keep weaker keypoints.
    """

    upscale: float = 1.0
    contrast_threshold: float = 0.04

    def __post_init__(self) -> None:
        if not 1 <= self.upscale <= LARGEST_UPSCALE:
            raise BadInput(f"upscale={self.upscale:g}: expected 1 to {LARGEST_UPSCALE}")

    @property
    def name(self) -> str:
        return "detected SIFT"

    @property
    def length(self) -> int:
        """128."""
        return 128

    def extract(self, images: Images) -> Descriptors:
        """Describe n grey or colour uint8 images by (N, 128) values from 0 to 255."""
        sift = cv2.SIFT.create(contrastThreshold=self.contrast_threshold)
        with without_ipp():
            return concatenate(
                [self._extract_one(image, sift) for image in images], self.length
            )

    def _extract_one(self, image: NDArray[np.uint8], sift: cv2.SIFT) -> Descriptors:
        grey = to_grey(image[None])[0]
        if self.upscale != 1:
            grey = cv2.resize(
                grey,
                None,
                fx=self.upscale,
                fy=self.upscale,
                interpolation=cv2.INTER_CUBIC,
            )
        keypoints, values = sift.detectAndCompute(grey, None)
        n = len(keypoints)
        height, width = grey.shape
        points = np.array([k.pt for k in keypoints], np.float32).reshape(n, 2) + 0.5
        size = np.array([k.size for k in keypoints], np.float32)
        return Descriptors(
            # OpenCV returns None for an image without keypoints
            values=np.empty((0, self.length), np.float32) if values is None else values,
            offsets=np.array([0, n], np.int64),
            xy=np.clip(points / (width, height), 0, 1 - 1e-6).astype(np.float32),
            scale=size * BIN_PER_SIZE / self.upscale,
        )


@contextmanager
def without_ipp() -> Iterator[None]:
    """Keep OpenCV from using Intel's IPP in this thread inside a `with` block.

    IPP has code of its own for AVX-512, AVX2 and SSE4.2, and its bicubic enlargement
    rounds differently with each; OpenCV's own gives the same pixels everywhere.
    """
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(used)
