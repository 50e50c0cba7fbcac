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
