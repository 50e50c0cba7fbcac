"""A lock on a folder: one process at a time changes its files."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visbase.pipeline.errors import printable


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process holds the folder's lock, then hold it.

    To add a row to a table, read and write it inside the block, so that no other row is
    lost. The folder itself is locked: this leaves no lock file, works on a read-only
    disk, and a killed process holds nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY)
    name = printable(folder)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{name}: waiting for another process", file=sys.stderr)
            fcntl.flock(opened, fcntl.LOCK_EX)
        except OSError as error:  # as on some network file systems
            advice = f"cannot be locked ({error.strerror}); run one command at a time"
            print(f"{name}: {advice}", file=sys.stderr)
        yield
    finally:
        os.close(opened)
