"""Reading files that anybody may have put in place."""

from __future__ import annotations

import errno
import os
import re
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

TYPES = {  # as msgspec calls them
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a JSON object",
    "str": "text",
}
PHRASES = {
    r"Object missing required field `(.*)`": r"\1 is missing",
    r"Object contains unknown field `(.*)`": r"unknown field \1",
    r"JSON is malformed.*": "it is not JSON",
    r"Input data was truncated": "it ends too early",
    r"Invalid enum value (.*)": r"\1 is not one of the known names",
    r"(Integer value|Number) out of range": "the number is too large",
    r", got ": ", found ",
}


def in_words(error: Exception) -> str:
    """What msgspec finds wrong with a value or a file, in words that users know.

    "Expected `int`, got `str` - at `$.seed`" becomes "seed: expected a whole number,
    found text". Positions in lists are left out.
    """
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    text, _, place = str(error).partition(" - at `$")
    for pattern, phrase in PHRASES.items():
        text = re.sub(pattern, phrase, text, flags=re.DOTALL)
    text = re.sub(
        "`([a-z |]+)`",
        lambda types: " or ".join(TYPES.get(t, t) for t in types[1].split(" | ")),
        text,
    )
    field = re.sub(r"\[.*?\]|`", "", place).lstrip(".")
    return printable(f"{field}: " * bool(field) + text[:1].lower() + text[1:])


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
        reason = getattr(error, "strerror", None) or "it is damaged, or holds no array"
        raise BadInput(
            f"{printable(path)}: cannot be read ({reason}); run it again"
        ) from None


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
        reason = getattr(error, "strerror", None) or in_words(error)
        raise BadInput(f"{name}: not a sound {what} ({reason}); run it again") from None
