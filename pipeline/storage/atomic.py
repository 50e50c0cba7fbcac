"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from visbase.pipeline.errors import FULL, BadInput, printable

ENDING = ".visbase.part"  # of temporary files, whose names have machine and process
MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"  # machines may share a folder


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces `path` when the block ends without an error.

    Missing folders are created. On an exception the old file stays as it was; the new
    file keeps its permissions. Raises BadInput if `path` is anything but a regular
    file, such as a device; an OSError names `path`.
    """
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "not a regular file"
        raise BadInput(f"{printable(path)}: {what}; choose another file to write to")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
    partial = path.with_name(f"{path.name}.{MACHINE}.{os.getpid()}{ENDING}")
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
        with contextlib.suppress(OSError):  # do not hide the first error
            partial.unlink(missing_ok=True)


@contextmanager
def write_named(path: Path) -> Iterator[IO[bytes]]:
    """`atomic_write` to a place that the user chose: BadInput if it cannot be written.

    A link is kept and its target replaced. An OSError passes where the disk is full.
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
    """Remove the temporary files of killed processes of this machine."""
    for leftover in folder.glob(f"*.{MACHINE}.*{ENDING}"):
        process = leftover.name.removesuffix(ENDING).rpartition(".")[2]
        try:
            os.kill(int(process), 0)  # signal 0 only asks whether it runs
        except ProcessLookupError:
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)
        except (OSError, ValueError, OverflowError):
            continue  # a process of another user, or a name that is not ours
