"""Which files a folder of photographs holds for each class, and whether they suffice.

    PATH/train/<class>/*, PATH/test/<class>/*    the split is given
    PATH/<class>/*                               the split is to be made

Hidden files and folders (a dot first) do not count, nor does anything beside the
class folders. Whatever else lies in one counts as a file of that class; only when it
is read will it turn out not to be an image. Folders are never entered recursively, so
links that lead in a circle do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visbase.pipeline.errors import BadInput, printable

LISTED = 10  # things that a message names; it counts the rest

ByClass = dict[str, list[Path]]  # the files of each class, both sorted by name


def find_classes(root: Path, train_per_class: int | None) -> dict[str, ByClass]:
    """The files of "train" and of "test", or those of "" where there is no split.

    train_per_class must be given in the second case and only there. Raises BadInput
    where there is no such folder, or its layout is neither of the two.
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
        raise BadInput(f"{where}: {what}; expected one that holds a folder a class")
    present = [name for name in ("train", "test") if (root / name).is_dir()]
    if len(present) == 2:
        if train_per_class is not None:
            raise BadInput(
                f"{where}: its folders train and test are the split; leave out "
                "--train-per-class"
            )
        parts = {name: _classes(root / name) for name in present}
        _require_same_classes(root, parts["train"], parts["test"])
        return parts
    # a class may be called train, but then it holds images
    if present and _classes(root / present[0]):
        missing = {"train": "test", "test": "train"}[present[0]]
        raise BadInput(f"{where}: {present[0]} holds classes, but {missing} is missing")
    if train_per_class is None:
        raise BadInput(
            f"{where}: has no folders train and test; say with --train-per-class N how "
            "many random images of each class shall train"
        )
    return {"": _classes(root)}


def _classes(folder: Path) -> ByClass:
    return {path.name: _visible(path) for path in _visible(folder) if path.is_dir()}


def _visible(folder: Path) -> list[Path]:
    found = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(found, key=lambda path: path.name)


def _require_same_classes(root: Path, train: ByClass, test: ByClass) -> None:
    pairs = (("train", train, test), ("test", test, train))
    alone = [
        f"{printable(name)} is only in {part}"
        for part, here, there in pairs
        for name in sorted(here.keys() - there.keys())
    ]
    if alone:
        raise BadInput(
            f"{printable(root)}: train and test must have the same classes, but "
            f"{first_few(alone, ', ')}"
        )


def require_images(by_class: ByClass, folder: Path, least: int) -> None:
    """Raise BadInput unless there are two classes with `least` images in each."""
    where = printable(folder)
    if not by_class:
        raise BadInput(f"{where}: no classes, expected a folder of images for each")
    if len(by_class) == 1:
        raise BadInput(
            f"{where}: only one class, {printable(*by_class)}; expected two or more"
        )
    for name, files in by_class.items():
        if len(files) < least:
            what = f"{least} images, {least - 1} of them to train"
            raise BadInput(
                f"{printable(folder / name)}: expected at least "
                f"{what if least > 1 else 'one image'}, found {len(files) or 'none'}"
            )


def first_few(items: Sequence[str], between: str) -> str:
    """The first ten items, and how many more there are."""
    more = [f"and {len(items) - LISTED:,} more"] if len(items) > LISTED else []
    return between.join([*items[:LISTED], *more])
