"""Results of finished stages on disk: deleting them changes time, never numbers.

An entry is named by a digest of everything it depends on: the stage's name and
parameters, the data that went in, the versions of the numerical libraries and the
source of this package. It appears whole or not at all; the zip format's checksums
reveal one that was damaged later.
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

from visbase.pipeline.experiments import provenance
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.images.photo_files import PhotoFiles
from visbase.pipeline.storage import artifacts
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.regular_file import open_regular

Arrays = dict[str, np.ndarray]

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

_recalled_s = 0.0
_recalled_mb = 0.0


def recalled_s() -> float:
    """Seconds that recalled entries took when they were computed, so far.

    The cost of a run is its wall-clock time plus what this grew by.
    """
    return _recalled_s


def peak_rss_mb() -> float:
    """Peak memory of this process, or of one that computed a recalled entry, in MiB."""
    return max(_recalled_mb, provenance.peak_rss_mb())


def recall(stage: str, key: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
    """The arrays of a stage: from disk where they are, else computed and kept.

    key: parameters (anything with a faithful repr) and input arrays.
    """
    path = entry_path(stage, key, ".npz")
    entry = _read(path)
    if entry is not None:
        count_as_spent(float(entry.pop("seconds")), float(entry.pop("peak_mb")))
        return entry
    before, started = _recalled_s, time.perf_counter()
    arrays = compute()
    seconds = time.perf_counter() - started + _recalled_s - before
    cost = {"seconds": np.array(seconds), "peak_mb": np.array(peak_rss_mb())}
    name = {"entry": np.array(path.stem)}  # not to be taken for another one
    with atomic_write(path) as file:
        np.savez(file, **arrays, **cost, **name)  # type: ignore[arg-type]
    return arrays


def entry_path(stage: str, key: Mapping[str, Any], suffix: str) -> Path:
    """Where the results of a stage with these parameters and inputs belong."""
    return artifacts() / "cache" / f"{stage}-{_digest(stage, key)}{suffix}"


def count_as_spent(seconds: float, peak_mb: float) -> None:
    """Count work that was done earlier and is now used again."""
    global _recalled_s, _recalled_mb
    _recalled_s += seconds
    _recalled_mb = max(_recalled_mb, peak_mb)


def fingerprint(values: Mapping[str, Any]) -> str:
    """SHA-256 of named values: images, labels, parameters with a faithful repr."""
    parts = {name: _part(value) for name, value in values.items()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(stage: str, key: Mapping[str, Any]) -> str:
    text = json.dumps([stage, fingerprint(key), _environment()])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _part(value: Any) -> str | list[str]:
    """A faithful text of a value; repr would shorten arrays inside a sequence."""
    if isinstance(value, np.ndarray):
        return digest_array(value)
    if isinstance(value, PhotoFiles):
        return value.digests
    if isinstance(value, Sequence) and value and isinstance(value[0], np.ndarray):
        return [digest_array(array) for array in value]
    return repr(value)


@functools.cache
def _environment() -> str:
    """Versions of the numerical libraries and the source of this package."""
    digest = hashlib.sha256()
    for name in LIBRARIES:
        try:
            digest.update(f"{name} {importlib.metadata.version(name)} ".encode())
        except importlib.metadata.PackageNotFoundError:
            continue
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


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
