"""Copy image files into one folder per class; never move, never overwrite."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.models.predict import UNKNOWN


def folders_of(root: Path, classes: Sequence[str]) -> dict[str, Path]:
    """Return the folder of each class, and of the unknown; none is made.

    A class such as "animals/cats" gets a folder in a folder. Raises BadInput if the
    name of a class leads out of root: anybody may have written the model.
    """
    for name in classes:
        parts = name.split("/")
        if "\0" in name or "\\" in name or {"", ".", ".."} & set(parts):
            raise BadInput(f"class {printable(name)!r} is no name for a folder")
    return {name: root / name for name in (*classes, UNKNOWN)}


def copy_into(source: Path, folder: Path) -> Path:
    """Copy a file with its times; if the name is taken, it gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        suffix = "" if number == 1 else f"-{number}"
        target = folder / f"{source.stem}{suffix}{source.suffix}"
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            shutil.copy2(source, target)
        except BaseException:  # whatever interrupts it, no half a copy is left
            target.unlink()
            raise
        return target
    raise AssertionError("count does not end")
