"""Join descriptors of groups of images in the flat form of `contracts`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visbase.pipeline.contracts import Descriptors


def concatenate(parts: Sequence[Descriptors], length: int) -> Descriptors:
    """Join the descriptors of consecutive groups of images, in order.

    length: numbers per descriptor, needed if there are no parts.
    """
    if not parts:
        return Descriptors(
            np.empty((0, length), np.float32),
            np.zeros(1, np.int64),
            np.empty((0, 2), np.float32),
            np.empty(0, np.float32),
        )
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    return Descriptors(
        values=np.concatenate([part.values for part in parts]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        xy=np.concatenate([part.xy for part in parts]),
        scale=np.concatenate([part.scale for part in parts]),
    )
