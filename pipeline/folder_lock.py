"""A folder whose files one process at a time changes."""

from __future__ import annotations

import fcntl
import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import printable


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process changes files of path's folder, then keep them off.

    Whoever adds a row to a table reads it inside, so that no row of another is lost.
    The folder itself is locked: no file is left, and a killed process holds nothing. A
    line tells where the file system has no such locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
        except OSError as error:  # as on some network file systems
            _tell_no_lock(path.parent, error.strerror)
        yield
    finally:
        os.close(folder)


@functools.cache
def _tell_no_lock(folder: Path, reason: str) -> None:
    print(
        f"{printable(folder)}: cannot be locked ({reason}); run one command at a time",
        file=sys.stderr,
    )
