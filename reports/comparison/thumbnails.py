"""Thumbnails of photographs as data URIs that together have a limited length."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

import numpy as np
from joblib import Parallel, delayed
from PIL import Image

from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.blocks import n_jobs
from visbase.pipeline.images.photo_files import read_image

# longer side in pixels; below a file of 2 kB, WebP takes two thirds of JPEG's bytes
SIDES = (320, 256, 192, 160, 128, 112, 96, 80, 64, 48, 32)
QUALITY = 65  # of WebP: 128 px take about 2 kB
EFFORT = 2  # 4 saves 4 % in twice the time
N_SAMPLE = 32  # photographs that choose the side
MARGIN = 0.9  # of the length is planned for, as others may compress worse


def thumbnails(root: Path, names: Sequence[str], most_chars: int) -> list[str | None]:
    """Return a data URI per photograph, of at most most_chars characters together.

    names: files below root, the most important first. The side, the same for all, is
    the largest that fits. A photograph has None if its file cannot be read any more, or
    if even the smallest thumbnails of those before it fill the length.
    """
    sample = names[:: max(1, len(names) // N_SAMPLE)][:N_SAMPLE]
    trials = [[*map(len, uris)] for uris in _encode(root, sample, SIDES) if uris]
    if not trials:
        return [None] * len(names)
    means = np.mean(trials, axis=0)
    fits = means * len(names) <= MARGIN * most_chars
    side = SIDES[fits.argmax()] if fits.any() else SIDES[-1]
    n_tried = min(len(names), int(most_chars / means[-1]))
    result: list[str | None] = []
    left = most_chars
    for uris in _encode(root, names[:n_tried], (side,)):
        uri = uris[0] if uris and len(uris[0]) <= left else None
        left -= len(uri or "")
        result.append(uri)
    return result + [None] * (len(names) - n_tried)


def _encode(
    root: Path, names: Sequence[str], sides: Sequence[int]
) -> Iterator[list[str]]:
    """Yield for each photograph one URI per side, largest first; none if unreadable."""
    jobs = (delayed(_encode_one)(root, name, sides) for name in names)
    return Parallel(n_jobs(), prefer="threads", return_as="generator")(jobs)


def _encode_one(root: Path, name: str, sides: Sequence[int]) -> list[str]:
    path = PurePath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        return []  # a record may be anyone's; only the folder's own files are shown
    try:
        picture = Image.fromarray(read_image(root / path, sides[0]))
    except BadInput:
        return []
    uris = []
    for side in sides:
        picture.thumbnail((side, side), reducing_gap=2)
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=QUALITY, method=EFFORT)
        uris.append(
            f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
        )
    return uris
