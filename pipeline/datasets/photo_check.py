"""Checking photographs: every file is decoded once, before any work begins."""

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
    """Decode every file once, in threads: the sound ones, and why others are not.

    Only sizes and digests are kept. Returns the sound files in the order of paths and
    the reason for each of the rest.
    """
    results = Parallel(n_jobs(), prefer="threads", return_as="generator")(
        delayed(_check)(path) for path in paths
    )
    sound, sizes, digests = [], [], []
    reasons = {}
    followed = track(results, "checking photographs", len(paths))
    for path, found in zip(paths, followed, strict=True):
        if isinstance(found, str):
            reasons[path] = found
            continue
        sound.append(path)
        sizes.append(found[0])
        digests.append(found[1])
    shape = np.array(sizes, np.int64).reshape(-1, 2)
    return PhotoFiles(sound, shape, digests), reasons


def _check(path: Path) -> tuple[tuple[int, int], str] | str:
    """Size and digest of a file's pixels, or the reason why it cannot be read."""
    try:
        pixels = decode(path)
    except BadInput as reason:
        return str(reason)
    height, width = pixels.shape[:2]
    return (height, width), digest_array(pixels)
