"""Results of finished stages on disk: deleting them changes time, never numbers.

A cache entry is named by a digest of all that it depends on: the stage's name and
parameters, its input data, the versions of the numerical libraries and the source of
the modules that compute it. It appears whole or not at all; the checksums of the zip
format reveal later damage.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visbase.pipeline.contracts import Arrays
from visbase.pipeline.images.batches import LazyImages
from visbase.pipeline.images.fingerprint import fingerprint
from visbase.pipeline.storage import artifacts
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.code import library_versions, module_digest, source_digest
from visbase.pipeline.storage.reading import open_regular
from visbase.pipeline.storage.spent import count_as_spent, peak_rss_mb, recalled_s


def recall(
    stage: str,
    key: Mapping[str, Any],
    compute: Callable[[], Arrays],
    code: Sequence[object],
) -> Arrays:
    """Return the arrays of a stage: from disk if they are there, else compute and keep.

    key: parameters (anything with a faithful repr) and input arrays; code: the objects
    that compute the arrays, whose source counts with all that it imports
    (`source_digest`). Of the module that defines compute only its own source counts.
    """
    key = {**key, "joined by": module_digest(compute)}
    path = entry_path(stage, key, code, ".npz")
    if (entry := read_entry(path)) is not None:
        count_as_spent(float(entry.pop("seconds")), float(entry.pop("peak_mb")))
        return entry
    before, started = recalled_s(), time.perf_counter()
    arrays = compute()
    seconds = time.perf_counter() - started + recalled_s() - before
    cost = {"seconds": np.array(seconds), "peak_mb": np.array(peak_rss_mb())}
    name = {"entry": np.array(path.stem)}  # a renamed file is not taken for another
    with atomic_write(path) as file:
        np.savez(file, **arrays, **cost, **name)  # type: ignore[arg-type]
    return arrays


def entry_path(
    stage: str, key: Mapping[str, Any], code: Sequence[object], suffix: str
) -> Path:
    """Where the results of a stage with these parameters, inputs and code belong."""
    # of photographs on disk the files may be what is known: then decoding counts, too
    code = (*code, *(v for v in key.values() if isinstance(v, LazyImages)))
    parts = [stage, fingerprint(key), library_versions(), source_digest(code)]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return artifacts() / "cache" / f"{stage}-{digest}{suffix}"


def read_entry(path: Path) -> Arrays | None:
    """Arrays of an entry with "seconds" and "peak_mb"; None if missing or damaged."""
    try:
        with (
            open_regular(path) as file,
            np.load(file, allow_pickle=False) as entry,
        ):
            damaged = entry.zip.testzip()
            if damaged is not None:
                raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
            arrays = {name: entry[name] for name in entry.files}
        if str(arrays.pop("entry", None)) != path.stem:
            raise ValueError("it belongs to another stage")
    except FileNotFoundError:
        return None
    except Exception as error:  # numpy raises almost anything on damaged bytes
        print(f"cache entry {path.name} is damaged ({error}); rebuilt", file=sys.stderr)
        return None
    return arrays if arrays.keys() >= {"seconds", "peak_mb"} else None
