"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from visbase.pipeline.errors import FULL, BadInput, printable

ENDING = ".visbase.part"  # of temporary files, nobody else's
FOREIGN_S = 24 * 3600  # after which another machine's temporary file is left over


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that takes its place when all went well.

    Missing folders are made; on any exception the old file, if any, stays as it was.
    The new one has its permissions. BadInput where something else than a file is there,
    such as a device. An OSError names `path`.
    """
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "not a regular file"
        raise BadInput(f"{printable(path)}: {what}; name another place to write to")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
    partial = path.with_name(f"{path.name}.{_home()}-{os.getpid()}{ENDING}")
    try:
        with open(partial, "wb") as file:
            with contextlib.suppress(OSError):  # there is no old file
                shutil.copymode(path, partial)
            yield file
        os.replace(partial, path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(partial)):
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):  # what went wrong before is told
            partial.unlink(missing_ok=True)


@contextmanager
def write_named(path: Path) -> Iterator[IO[bytes]]:
    """`atomic_write` to a place that the user named: BadInput where it is a wrong one.

    A link stays, and what it leads to is replaced. An OSError passes where it was not
    the name's fault: the disk is full.
    """
    if path.is_symlink() and (path.is_file() or not path.exists()):  # no device
        path = Path(os.path.realpath(path))
    try:
        with atomic_write(path) as file:
            yield file
    except OSError as error:
        if error.errno in FULL:
            raise
        raise BadInput(
            f"{printable(path)}: cannot be written ({error.strerror})"
        ) from None


def _remove_leftovers(folder: Path) -> None:
    """Remove temporary files of any file in it whose process was killed.

    Whether a process of another machine or container runs nobody here can tell: its
    files are left over once they are a day old.
    """
    for leftover in folder.glob(f"*{ENDING}"):
        owner = leftover.name.removesuffix(ENDING).rpartition(".")[2]
        home, _, process = owner.rpartition("-")
        with contextlib.suppress(OSError, ValueError, OverflowError):  # another's
            if _is_over(leftover, home, process):
                leftover.unlink(missing_ok=True)


def _is_over(leftover: Path, home: str, process: str) -> bool:
    if home != _home():
        return time.time() - leftover.stat().st_mtime > FOREIGN_S
    try:
        os.kill(int(process), 0)  # signal 0 only asks whether it runs
    except ProcessLookupError:
        return True
    return False


@functools.cache
def _home() -> str:
    """Where this process's number is its own: the machine, and the container."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not on Linux
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]
