"""Results of finished stages on disk: deleting them changes time, never numbers.

An entry is named by a digest of everything it depends on: the stage's name and
parameters, the data that went in, the versions of the numerical libraries and the
source of the modules that compute it, wherever they lie. It appears whole or not at
all; the zip format's checksums reveal one that was damaged later.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import lzma
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visbase.pipeline.contracts import Arrays
from visbase.pipeline.images.fingerprint import fingerprint
from visbase.pipeline.storage import artifacts
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.code import module_digest, source_digest
from visbase.pipeline.storage.reading import open_regular
from visbase.pipeline.storage.spent import count_as_spent, peak_rss_mb, recalled_s

LIBRARIES = (
    "numpy",
    "scipy",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "scikit-learn",
    "scikit-learn-intelex",
    "numba",
    "torch",
)

# what numpy and zipfile raise on a truncated, altered or replaced entry
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    TypeError,
    AttributeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


def recall(
    stage: str,
    key: Mapping[str, Any],
    compute: Callable[[], Arrays],
    code: Sequence[object],
) -> Arrays:
    """The arrays of a stage: from disk where they are, else computed and kept.

    key: parameters (anything with a faithful repr) and input arrays; code: what
    computes them, whose source counts with all that it imports (`source_digest`); of
    the module of compute, which joins them, the source alone.
    """
    key = {**key, "joined by": module_digest(compute)}
    path = entry_path(stage, key, code, ".npz")
    entry = _read(path)
    if entry is not None:
        count_as_spent(float(entry.pop("seconds")), float(entry.pop("peak_mb")))
        return entry
    before, started = recalled_s(), time.perf_counter()
    arrays = compute()
    seconds = time.perf_counter() - started + recalled_s() - before
    cost = {"seconds": np.array(seconds), "peak_mb": np.array(peak_rss_mb())}
    name = {"entry": np.array(path.stem)}  # not to be taken for another one
    with atomic_write(path) as file:
        np.savez(file, **arrays, **cost, **name)  # type: ignore[arg-type]
    return arrays


def entry_path(
    stage: str, key: Mapping[str, Any], code: Sequence[object], suffix: str
) -> Path:
    """Where the results of a stage with these parameters, inputs and code belong."""
    return artifacts() / "cache" / f"{stage}-{_digest(stage, key, code)}{suffix}"


def _digest(stage: str, key: Mapping[str, Any], code: Sequence[object]) -> str:
    parts = [stage, fingerprint(key), _libraries(), source_digest(code)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@functools.cache
def _libraries() -> list[str]:
    """Versions of the numerical libraries."""
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _read(path: Path) -> Arrays | None:
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
            raise ValueError("of another stage or data")
    except FileNotFoundError:
        return None
    except DAMAGE as error:
        print(f"cache entry {path.name} is damaged ({error}); rebuilt", file=sys.stderr)
        return None
    return arrays if arrays.keys() >= {"seconds", "peak_mb"} else None
