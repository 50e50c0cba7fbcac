"""Files that appear whole or not at all."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that takes its place when all went well.

    Missing folders are made; on any exception the old file, if any, stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(partial, "wb") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of `path` whose process was killed."""
    for leftover in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        owner = leftover.name.removesuffix(".part").rpartition(".")[2]
        try:
            os.kill(int(owner), 0)  # signal 0 only asks whether it runs
        except ProcessLookupError:
            leftover.unlink(missing_ok=True)
        except (ValueError, OverflowError, PermissionError):
            continue
