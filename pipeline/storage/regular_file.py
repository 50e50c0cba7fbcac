"""Finding and opening files: nothing but a regular file is read, none is left out."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

from visbase.pipeline.errors import BadInput, printable


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
