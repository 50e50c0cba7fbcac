"""Jitter images: shift them by whole pixels (DeCoste & Schölkopf 2002)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shift(images: NDArray[np.uint8], dx: int, dy: int) -> NDArray[np.uint8]:
    """Shift images (n, h, w) right by dx and down by dy pixels, filling with black."""
    height, width = images.shape[1:]
    result = np.zeros_like(images)
    if abs(dx) < width and abs(dy) < height:
        result[:, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = (
            images[
                :, max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)
            ]
        )
    return result


def offsets_within(reach_px: int) -> list[tuple[int, int]]:
    """List all shifts up to reach_px except (0, 0): 8 for 1 px, 24 for 2 px."""
    reach = range(-reach_px, reach_px + 1)
    return [(dx, dy) for dy in reach for dx in reach if (dx, dy) != (0, 0)]
