"""Small folders of photographs."""

from pathlib import Path

import numpy as np
from PIL import Image


def fill(folder: Path, n: int, first: int = 0) -> None:
    """n images of differing pixels and heights."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + n):
        pixels = np.full((4 + i % 2, 4), i, np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}.png")


def noise(folder: Path, n: int, side: int = 8) -> None:
    """n images of noise in colour, 0.png and so on; those of two folders differ."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(str(folder).encode()))
    for i in range(n):
        pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
