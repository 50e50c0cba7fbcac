"""Hostile files, and what reading them costs."""

import hashlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visbase.pipeline.models.file import BLANK, LENGTH_BYTES, MARK


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def sealed(content: bytes) -> bytes:
    """A model file with the right checksum, if it has a place for one."""
    place = content.find(MARK)
    if place < LENGTH_BYTES:
        return content
    place += len(MARK)
    end = place + len(BLANK)
    digest = hashlib.sha256(content[:place] + BLANK + content[end:]).hexdigest()
    return content[:place] + digest.encode() + content[end:]


def peak_bytes(action: Callable[[], object]) -> int:
    """Most memory that Python and numpy reserved at once during an action."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
