"""Small IDX files and small folders of photographs."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from visbase.pipeline.datasets.idx import IdxFile

ERROR_PAGE = b"<html><body>503 Service Unavailable</body></html>"


def idx_bytes(array: np.ndarray) -> bytes:
    axes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + axes + array.tobytes()


def write_idx(path: Path, array: np.ndarray, largest: int) -> IdxFile:
    """Write a sound file; return what to expect of it."""
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content))
    digest = hashlib.sha256(content).hexdigest()
    return IdxFile(path.name, array.shape, digest, largest)


def fill(folder: Path, n: int, first: int = 0) -> None:
    """n images of differing pixels and heights."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + n):
        pixels = np.full((4 + i % 2, 4), i, np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}.png")
