"""List the files of each class in a folder of photographs, and check the layout.

    PATH/train/<class>/*, PATH/test/<class>/*    the split is given; the images of
    PATH/validation/<class>/*                    a validation part are for training
    PATH/<class>/*                               the split is made at random

Hidden files and folders are ignored, as are files beside the class folders. Everything
else in a class folder counts as an image of that class until it is read. Folders are
not searched recursively, so circular links do no harm.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from visbase.pipeline.errors import BadInput, printable

PARTS = {  # names of a folder, in any capitals
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
LISTED = 10  # items that a message names before it counts the rest

ByClass = dict[str, list[Path]]  # the files of each class, both sorted by name


def find_classes(root: Path, train_per_class: int | None) -> dict[str, ByClass]:
    """Return the files of "train" and "test", or all under "" if there is no split.

    train_per_class must be given if there is no split, and only then. Raises BadInput
    if there is no such folder or its layout is neither of the two.
    """
    try:
        return _find_classes(root, train_per_class)
    except OSError as error:
        where = printable(error.filename or root)
        raise BadInput(f"{where}: cannot be read: {error.strerror}") from None


def _find_classes(root: Path, train_per_class: int | None) -> dict[str, ByClass]:
    where = printable(root)
    if not root.is_dir():
        what = "not a folder" if root.exists() else "no such folder"
        raise BadInput(f"{where}: {what}; expected one folder per class in it")
    found = _find_parts(root)
    if found.keys() >= {"train", "test"}:
        if train_per_class is not None:
            raise BadInput(
                f"{where}: already split into train and test; leave out "
                "--train-per-class"
            )
        parts = {part: _classes(folder) for part, folder in found.items()}
        train, test = parts["train"], parts["test"]
        for name, files in parts.get("validation", {}).items():
            train[name] = train.get(name, []) + files
        if "validation" in found:
            print(
                f"{printable(found['validation'])}: its images are added to the "
                "training images",
                file=sys.stderr,
            )
        _require_same_classes(root, train, test)
        return {"train": train, "test": test}
    # a class may be called train, but then it holds images
    for part, other in (("train", "test"), ("test", "train")):
        if part in found and _classes(found[part]):
            raise BadInput(
                f"{where}: found {found[part].name} with classes, but no folder {other}"
            )
    if train_per_class is None:
        raise BadInput(
            f"{where}: has no folders train and test; pass --train-per-class N to "
            "train on N random images per class"
        )
    return {"": _classes(root)}


def _find_parts(root: Path) -> dict[str, Path]:
    """Return the folders of a given split by part, see PARTS."""
    return {
        part: path
        for part, names in PARTS.items()
        for path in _visible(root)
        if path.name.lower() in names and path.is_dir()
    }


def _classes(folder: Path) -> ByClass:
    return {path.name: _visible(path) for path in _visible(folder) if path.is_dir()}


def _visible(folder: Path) -> list[Path]:
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(visible, key=lambda path: path.name)


def _require_same_classes(root: Path, train: ByClass, test: ByClass) -> None:
    pairs = (("train", train, test), ("test", test, train))
    unpaired = [
        f"{printable(name)} is only in {part}"
        for part, here, there in pairs
        for name in sorted(here.keys() - there.keys())
    ]
    if unpaired:
        raise BadInput(
            f"{printable(root)}: train and test must have the same classes, but "
            f"{first_few(unpaired, ', ')}"
        )


def require_images(by_class: ByClass, folder: Path, least: int) -> None:
    """Raise BadInput unless there are two classes with at least `least` images each."""
    where = printable(folder)
    if not by_class:
        raise BadInput(f"{where}: no classes; expected one folder of images per class")
    if len(by_class) == 1:
        raise BadInput(
            f"{where}: found only one class, {printable(*by_class)}; expected at least "
            "two"
        )
    for name, files in by_class.items():
        if len(files) < least:
            what = f"{least} images, {least - 1} of them for training"
            raise BadInput(
                f"{printable(folder / name)}: expected at least "
                f"{what if least > 1 else 'one image'}, found {len(files) or 'none'}"
            )


def first_few(items: Sequence[str], between: str) -> str:
    """Join the first ten items and the number of further ones."""
    more = [f"and {len(items) - LISTED:,} more"] if len(items) > LISTED else []
    return between.join([*items[:LISTED], *more])
