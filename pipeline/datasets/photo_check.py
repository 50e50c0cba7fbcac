"""Check photographs: decode every file once before any work begins.

What the check found is kept on disk, so that an unchanged file is not decoded again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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
from visbase.pipeline.images.photo_files import PhotoFiles, decode
from visbase.pipeline.progress import track
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.cache import entry_path, read_entry

BLANK = 3.0  # largest standard deviation, in levels of 255, of one level and its noise
KEPT = 20_000  # facts of further files in a folder; 4.3 KB each
FACTS = np.dtype(  # of one file
    [
        ("stamp", np.int64, 3),
        ("size", np.int64, 2),
        ("digest", "S64"),
        ("look", np.uint8, SIDE_PX**2),
        ("blank", np.bool_),
        ("grey", np.bool_),
    ]
)
Known = dict[str, NDArray[Any]]  # FACTS, (), by absolute path


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
    names = [str(path.absolute()) for path in paths]
    folder = os.path.commonpath(map(os.path.dirname, names)) if names else ""
    place = entry_path("photographs", {"folder": folder}, [_facts], ".npz")
    known = _read(place)
    stamps = [_stamp(path) for path in paths]
    new = [
        row
        for row, (name, stamp) in enumerate(zip(names, stamps, strict=True))
        if name not in known or known[name]["stamp"].tolist() != stamp
    ]
    results = Parallel(n_jobs(), prefer="threads", return_as="generator")(
        delayed(_facts)(paths[row], stamps[row]) for row in new
    )
    reasons = {}
    for row, result in zip(
        new, track(results, "checking photographs", len(new)), strict=True
    ):
        if isinstance(result, str):
            reasons[paths[row]] = result
        else:
            known[names[row]] = result
    if len(new) > len(reasons):
        _write(place, known, set(names))
    readable = [row for row, path in enumerate(paths) if path not in reasons]
    facts = np.array([known[names[row]] for row in readable], FACTS)
    digests = [digest.decode() for digest in facts["digest"]]
    photos = PhotoFiles([paths[row] for row in readable], facts["size"], digests)
    return Checked(photos, reasons, facts["look"], facts["blank"], facts["grey"])


def _facts(path: Path, stamp: list[int]) -> NDArray[Any] | str:
    """Return the FACTS of a file, (), or why it cannot be read."""
    try:
        # four times a look, so that it may be filtered well
        pixels, size, digest = decode(path, 4 * SIDE_PX)
    except BadInput as reason:
        return str(reason)
    blank = float(cv2.meanStdDev(pixels)[1].max()) <= BLANK
    facts = (digest.encode(), look_of(pixels), blank, is_grey(pixels))
    return np.array((stamp, size, *facts), FACTS)


def _stamp(path: Path) -> list[int]:
    """Return what changes with a file: its size and its times of change."""
    try:
        state = path.stat()
    except OSError:  # `decode` says what is wrong
        return [0, 0, 0]
    # only the time of the inode changes if another file is moved here with its times
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def _read(place: Path) -> Known:
    entry = read_entry(place)
    if entry is None:
        return {}
    names = [os.fsdecode(name) for name in entry["names"].tobytes().split(b"\0")]
    return dict(zip(names, entry["facts"].view(FACTS), strict=True))


def _write(place: Path, known: Known, present: set[str]) -> None:
    """Keep the facts of the present files, and of others that are still there."""
    others = [name for name in known if name not in present and Path(name).exists()]
    kept = present.union(others[-KEPT:])
    known = {name: facts for name, facts in known.items() if name in kept}
    joined = b"\0".join(map(os.fsencode, known))  # names may be any bytes but 0
    with atomic_write(place) as file:
        np.savez(
            file,
            names=np.frombuffer(joined, np.uint8),
            facts=np.array([*known.values()], FACTS),
            entry=np.array(place.stem),
            seconds=0,  # what a check takes is no part of a run's cost
            peak_mb=0,
        )
