"""Reading files that anybody may have put in place."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO, Annotated, Any, TypeVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput, printable

# What files may hold, in terms that msgspec checks
LARGEST = 1e15
Count = Annotated[int, Meta(ge=0, le=int(LARGEST))]
Positive = Annotated[int, Meta(ge=1, le=int(LARGEST))]
Amount = Annotated[float, Meta(ge=0, le=LARGEST)]  # such as seconds

T = TypeVar("T")


def listed(folder: Path, pattern: str = "*") -> list[Path]:
    """Sorted entries of a folder whose names match; none if the folder is missing.

    Hidden files are left out. Raises BadInput if the folder, or a folder above it, is a
    file or a broken link, and OSError if it cannot be read: `Path.glob` would hide
    both.
    """
    try:
        entries = [path for path in folder.iterdir() if path.name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        for place in (folder, *folder.parents):
            if os.path.lexists(place) and not place.is_dir():
                raise BadInput(
                    f"{printable(place)}: expected a folder, found a file or a broken "
                    "link; restore or remove it"
                ) from None
        return []
    return sorted(path for path in entries if path.match(pattern))


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading; OSError if it is a folder, a pipe or a device.

    `open` would wait until somebody writes into the pipe.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "Is a folder", str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return open(path, "rb")


def read_array(path: Path) -> NDArray[Any]:
    """Load an array; BadInput if its file is missing or damaged.

    The file is mapped first: a header that claims more than the file holds is refused
    before memory is reserved for it.
    """
    try:
        open_regular(path).close()
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except Exception as error:  # numpy raises almost anything on damaged bytes
        name = printable(path)
        raise BadInput(f"{name}: cannot be read ({error}); run it again") from None


def read_json(path: Path, kind: type[T], what: str) -> T:
    """Decode a JSON file; BadInput says what it was expected to be, and why it is not.

    kind: a `msgspec.Struct`, whose annotations are checked.
    """
    name = printable(path)
    try:
        with open_regular(path) as file:
            return msgspec.json.decode(file.read(), type=kind)
    except FileNotFoundError:
        raise BadInput(f"{name}: no such {what}") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{name}: not a sound {what} ({reason}); run it again") from None
