"""The flat array form in which every extractor hands descriptors to the vocabulary.

One row a descriptor; image i owns rows offsets[i] to offsets[i + 1]. An image without
keypoints owns an empty range, so no stage ever meets `None` or an object array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LENGTH = 128  # numbers of a SIFT descriptor


@dataclass(frozen=True)
class Descriptors:
    """N descriptors of n images.

    values (N, 128) float32; offsets (n + 1,) int64, from 0 to N; xy (N, 2) float32,
    keypoint centres as fractions of image width and height in [0, 1); scale (N,)
    float32, width of a SIFT bin in pixels of the original image.
    """

    values: NDArray[np.float32]
    offsets: NDArray[np.int64]
    xy: NDArray[np.float32]
    scale: NDArray[np.float32]

    @property
    def n_images(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_empty(self) -> int:
        """Number of images without a single descriptor."""
        return int(np.count_nonzero(np.diff(self.offsets) == 0))


def concatenate(parts: Sequence[Descriptors]) -> Descriptors:
    """Join the descriptors of consecutive groups of images, in order."""
    if not parts:
        nothing = np.empty((0, LENGTH), np.float32)
        return Descriptors(
            nothing, np.zeros(1, np.int64), nothing[:, :2], nothing[:, 0]
        )
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    return Descriptors(
        values=np.concatenate([part.values for part in parts]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        xy=np.concatenate([part.xy for part in parts]),
        scale=np.concatenate([part.scale for part in parts]),
    )
