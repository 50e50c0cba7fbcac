"""Check photographs: decode every file once before any work begins.

What the check found is kept on disk, so that an unchanged file is not decoded again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from visbase.pipeline.datasets.near_duplicates import SIDE_PX, look_of
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import is_grey
from visbase.pipeline.images.blocks import n_jobs
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.images.photo_files import PhotoFiles, decode
from visbase.pipeline.progress import track
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.cache import entry_path, read_entry

BLANK = 3.0  # largest standard deviation, in levels of 255, of one level and its noise
KEPT = 20_000  # facts of files that were checked earlier; 4.3 KB each
FACTS = np.dtype(  # of one file
    [
        ("size", np.int64, 2),
        ("digest", "S64"),
        ("look", np.uint8, SIDE_PX**2),
        ("blank", np.bool_),
        ("grey", np.bool_),
    ]
)


@dataclass(frozen=True)
class Checked:
    """What a check found about n readable files and some that cannot be read.

    photos: the readable files, in the order in which they were passed; reasons: why
    each of the others cannot be read; looks (n, d) uint8: what `near_duplicates`
    compares; blank (n,): decodes to (nearly) one level; grey (n,): has no colour.
    """

    photos: PhotoFiles
    reasons: dict[Path, str]
    looks: NDArray[np.uint8]
    blank: NDArray[np.bool_]
    grey: NDArray[np.bool_]


def check_photos(paths: Sequence[Path]) -> Checked:
    """Decode every file that is new or has changed, once, in threads.

    A file is known by its absolute path, size and times of change. The facts of a
    folder are one file in the cache; two checks at once cost one of them its facts.
    """
    folders = [str(path.absolute().parent) for path in paths]
    folder = os.path.commonpath(folders) if folders else ""
    place = entry_path("photographs", {"folder": folder}, [_facts], ".npz")
    known = _read(place)
    stamps = [_stamp(path) for path in paths]
    new = [row for row, stamp in enumerate(stamps) if stamp not in known]
    results = Parallel(n_jobs(), prefer="threads", return_as="generator")(
        delayed(_facts)(paths[row]) for row in new
    )
    reasons, fresh = {}, {}
    for row, result in zip(
        new, track(results, "checking photographs", len(new)), strict=True
    ):
        if isinstance(result, str):
            reasons[paths[row]] = result
        else:
            fresh[stamps[row]] = result
    old = known.keys() - set(stamps)
    known |= fresh
    if fresh:
        dropped = [stamp for stamp in known if stamp in old][: max(len(old) - KEPT, 0)]
        _write(place, {stamp: known[stamp] for stamp in known.keys() - set(dropped)})
    readable = [row for row, path in enumerate(paths) if path not in reasons]
    facts = np.array([known[stamps[row]] for row in readable], FACTS)
    digests = [digest.decode() for digest in facts["digest"]]
    photos = PhotoFiles([paths[row] for row in readable], facts["size"], digests)
    return Checked(photos, reasons, facts["look"], facts["blank"], facts["grey"])


def _facts(path: Path) -> NDArray[Any] | str:
    """Return the FACTS of a file, (), or why it cannot be read."""
    try:
        pixels = decode(path)
    except BadInput as reason:
        return str(reason)
    blank = float(cv2.meanStdDev(pixels)[1].max()) <= BLANK
    size, digest = pixels.shape[:2], digest_array(pixels).encode()
    return np.array((size, digest, look_of(pixels), blank, is_grey(pixels)), FACTS)


def _stamp(path: Path) -> str:
    """Name the state of a file: its path, size and time of change."""
    try:
        state = path.stat()
    except OSError:  # `decode` says what is wrong
        return ""
    # only the time of the inode changes if another file is moved here with its times
    times = f"{state.st_mtime_ns} {state.st_ctime_ns}"
    return f"{path.absolute()} {state.st_size} {times}"


def _read(place: Path) -> dict[str, NDArray[Any]]:
    entry = read_entry(place)
    if entry is None:
        return {}
    stamps = [os.fsdecode(stamp) for stamp in entry["stamps"].tobytes().split(b"\0")]
    return dict(zip(stamps, entry["facts"].view(FACTS), strict=True))


def _write(place: Path, known: Mapping[str, NDArray[Any]]) -> None:
    joined = b"\0".join(map(os.fsencode, known))  # names may be any bytes but 0
    facts = np.array([*known.values()], FACTS)
    with atomic_write(place) as file:
        np.savez(
            file,
            stamps=np.frombuffer(joined, np.uint8),
            facts=facts,
            entry=np.array(place.stem),
            seconds=0,  # what a check takes is no part of a run's cost
            peak_mb=0,
        )
