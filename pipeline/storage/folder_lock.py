"""A folder whose files one process at a time changes."""

from __future__ import annotations

import fcntl
import functools
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visbase.pipeline.errors import printable

PATIENCE_S = 2  # with whom it waits for, before it says so


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process changes files of a folder, then keep them off.

    Whoever adds a row to a table reads it inside, so that no row of another is lost.
    The folder itself is locked: no file is left, and a killed process holds nothing. A
    line tells where the file system has no such locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            _wait_for(opened, folder)
        except OSError as error:  # as on some network file systems
            _tell_no_lock(folder, error.strerror)
        yield
    finally:
        os.close(opened)


def _wait_for(opened: int, folder: Path) -> None:
    """Lock the folder that is opened; a line tells where that takes long."""
    patient_until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > patient_until:
                break
            time.sleep(0.01)
    print(f"{printable(folder)}: waiting for who else works there", file=sys.stderr)
    return fcntl.flock(opened, fcntl.LOCK_EX)


@functools.cache
def _tell_no_lock(folder: Path, reason: str) -> None:
    print(
        f"{printable(folder)}: cannot be locked ({reason}); run one command at a time",
        file=sys.stderr,
    )
