"""Vectors of photographs on disk, one file per way of computing them.

Ten more photographs in a folder of a thousand are ten more rows, not a new entry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visbase.pipeline.contracts import FloatArray, Images
from visbase.pipeline.images.batches import LazyImages
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.cache import entry_path, read_entry
from visbase.pipeline.storage.spent import count_as_spent, peak_rss_mb


def recall_rows(
    stage: str,
    key: Mapping[str, Any],
    images: Images,
    compute: Callable[[Images], FloatArray],
    code: Sequence[object],
) -> FloatArray:
    """One vector per image, (n, d): from disk where it is there, else computed.

    key and code: as for `cache.recall`, without the images, which count one by one by
    their pixels; compute(images) -> (m, d), a row depending on its image alone. Rows
    of images in memory, and of a single image, are computed each time. If two processes
    add rows at once, those of one are lost, and computed again when they are next
    needed.
    """
    if not isinstance(images, LazyImages) or len(images) == 1:
        return compute(images)
    path = entry_path(stage, key, (*code, images), ".npz")
    entry = read_entry(path) or {}
    names = entry.get("digests", np.empty(0, "U1")).tolist()
    place = {name: row for row, name in enumerate(names)}
    missing = [i for i, name in enumerate(images.digests) if name not in place]
    known = [place[name] for name in images.digests if name in place]
    if known:
        seconds = float(entry["row_seconds"][known].sum())
        count_as_spent(seconds, float(entry["peak_mb"]))
    if missing:
        started = time.perf_counter()
        rows = compute(images.take(np.array(missing, np.int64)))
        each_s = (time.perf_counter() - started) / len(missing)
        place |= {images.digests[i]: len(names) + j for j, i in enumerate(missing)}
        new_s = np.full(len(missing), each_s)
        entry = {
            "digests": np.array([*names, *(images.digests[i] for i in missing)]),
            "rows": np.concatenate([entry["rows"], rows]) if names else rows,
            "row_seconds": np.append(entry["row_seconds"], new_s) if names else new_s,
        }
        _write(path, entry)
    return np.asarray(entry["rows"][[place[name] for name in images.digests]])


def _write(path: Path, entry: Mapping[str, Any]) -> None:
    facts = {"seconds": entry["row_seconds"].sum(), "peak_mb": peak_rss_mb()}
    with atomic_write(path) as file:
        np.savez(file, **entry, **facts, entry=np.array(path.stem))
