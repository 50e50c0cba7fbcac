"""Check photographs: decode every file once before any work begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.blocks import n_jobs
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.images.photo_files import PhotoFiles, decode
from visbase.pipeline.progress import track


def check_photos(paths: Sequence[Path]) -> tuple[PhotoFiles, dict[Path, str]]:
    """Decode every file once, in threads, and keep only sizes and digests.

    Returns the readable files, in the order of paths, and for each of the others the
    reason why it cannot be read.
    """
    results = Parallel(n_jobs(), prefer="threads", return_as="generator")(
        delayed(_check)(path) for path in paths
    )
    readable, sizes, digests = [], [], []
    reasons = {}
    tracked = track(results, "checking photographs", len(paths))
    for path, result in zip(paths, tracked, strict=True):
        if isinstance(result, str):
            reasons[path] = result
            continue
        readable.append(path)
        sizes.append(result[0])
        digests.append(result[1])
    shapes = np.array(sizes, np.int64).reshape(-1, 2)
    return PhotoFiles(readable, shapes, digests), reasons


def _check(path: Path) -> tuple[tuple[int, int], str] | str:
    """Return size and digest of a file's pixels, or why it cannot be read."""
    try:
        pixels = decode(path)
    except BadInput as reason:
        return str(reason)
    height, width = pixels.shape[:2]
    return (height, width), digest_array(pixels)
