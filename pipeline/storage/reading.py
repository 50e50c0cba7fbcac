"""Reading what anybody may have put there: regular files alone, arrays of true size."""

from __future__ import annotations

import errno
import math
import os
import stat
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput, printable

UNREADABLE = (OSError, ValueError, TypeError, EOFError, SyntaxError, TokenError)
VERSION = (1, 0)  # what np.save writes


def listed(folder: Path, pattern: str = "*") -> list[Path]:
    """What is in a folder by the pattern of its name, sorted; nothing if there is none.

    Hidden files do not count. BadInput where it, or a folder that it should be in, is a
    file or a link that leads nowhere, OSError where it cannot be read: `Path.glob`
    would leave these out.
    """
    try:
        found = [path for path in folder.iterdir() if path.name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        for place in (folder, *folder.parents):
            if os.path.lexists(place) and not place.is_dir():
                raise BadInput(
                    f"{printable(place)}: expected a folder, found a file or a link to "
                    "nothing; restore or remove it"
                ) from None
        return []
    return sorted(path for path in found if path.match(pattern))


def open_regular(path: Path) -> IO[bytes]:
    """The file, open for reading; OSError where it is none.

    A pipe is refused at once, where `open` would wait for somebody to write into it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a folder", str(path))
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def read_array(path: Path) -> NDArray[Any]:
    """The array; BadInput where its file is damaged or missing.

    A header may claim any shape, and numpy would reserve the memory for it: it is held
    against the size of the file first.
    """
    try:
        with open_regular(path) as file:
            version = npy.read_magic(file)
            if version != VERSION:
                raise ValueError(f"npy version {version}, expected {VERSION}")
            shape, _, dtype = npy.read_array_header_1_0(file)
            expected = file.tell() + math.prod(shape) * dtype.itemsize
            found = os.fstat(file.fileno()).st_size
            if found != expected:
                raise ValueError(f"{found:,} bytes, its header says {expected:,}")
            file.seek(0)
            return np.asarray(npy.read_array(file, allow_pickle=False))
    except UNREADABLE as error:
        raise BadInput(f"{path}: cannot be read ({error}); run it again") from None
