"""List the files of each class in a folder of photographs, and check the layout.

    PATH/train/<class>/*, PATH/test/<class>/*    the split is given; the images of
    PATH/validation/<class>/*                    a validation part are for training, or
                                                 for testing if there is no test part
    PATH/train/<class>/*, PATH/test/*            the test images have no labels
    PATH/<class>/*                               the split is made at random

Hidden files, what macOS and Windows leave behind, and files beside the class folders
are left aside. Everything else in a class folder counts as an image of that class until
it is read. Links are followed to class folders, but not below them, so that circular
links do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.storage import artifacts

PARTS = {  # names of a folder, in any capitals
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
LITTER = (  # of macOS, Windows and network drives, in any capitals
    *("__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini"),
    *("$recycle.bin", "system volume information", "@eadir"),
)
LISTED = 10  # items that a message names before it counts the rest

ByClass = dict[str, list[Path]]  # the files of each class, both sorted by name


@dataclass(frozen=True)
class Layout:
    """The files of a folder, of which none has been read.

    parts: the files of "train", "test" and perhaps "validation" by class, or only those
    of "" if no split is given; folders: the folder of each part and of "unlabelled", {}
    if the classes are in root; unlabelled: images of a test folder without classes;
    left_aside: files and folders that do not count.
    """

    root: Path
    parts: dict[str, ByClass]
    folders: dict[str, Path]
    unlabelled: list[Path]
    left_aside: list[Path]

    @property
    def has_split(self) -> bool:
        return "test" in self.parts

    @property
    def classes(self) -> list[str]:
        names = (name for by_class in self.parts.values() for name in by_class)
        return list(dict.fromkeys(names))


def find_layout(root: Path, nested: bool = False) -> Layout:
    """Find the classes of a folder and their files.

    nested: whether folders within class folders are classes of their own, named by
    their path. Raises BadInput if there is no such folder, or its layout is none of
    those above.
    """
    try:
        return _find_layout(root, nested)
    except OSError as error:
        where = printable(error.filename or root)
        raise BadInput(f"{where}: cannot be read: {error.strerror}") from None


def _find_layout(root: Path, nested: bool) -> Layout:
    if not root.is_dir():
        what = "not a folder" if root.exists() else "no such folder"
        raise BadInput(
            f"{printable(root)}: {what}; expected one folder per class in it"
        )
    folders = _find_parts(root)
    if "train" in folders and len(folders) > 1:
        return _find_split(root, folders, nested)
    aside: set[Path] = set()
    by_class = _classes(root, nested, aside)
    for part, folder in folders.items():
        # a class may be called train, but then it holds images
        only_folders = _holds_only_folders(by_class.get(folder.name, []))
        if only_folders and len(by_class) > 1:
            other = "test" if part == "train" else "train"
            raise BadInput(
                f"{printable(root)}: found {folder.name} with classes, but no folder "
                f"{other}"
            )
    _require_right_level(root, root, by_class)
    return Layout(root, {"": by_class}, {}, [], sorted(aside))


def _find_parts(root: Path) -> dict[str, Path]:
    """Return the folders of a given split by part, see PARTS."""
    found: dict[str, Path] = {}
    paths = _visible(root)
    for part, names in PARTS.items():
        for path in paths:
            if path.name.lower() in names and path.is_dir():
                if part in found:
                    raise BadInput(
                        f"{printable(root)}: {found[part].name} and {path.name} are "
                        f"both called like the {part} folder; rename or join them"
                    )
                found[part] = path
    return found


def _find_split(root: Path, folders: dict[str, Path], nested: bool) -> Layout:
    aside = set(root.iterdir()) - set(folders.values())
    parts = {part: _classes(path, nested, aside) for part, path in folders.items()}
    for part, by_class in parts.items():
        _require_right_level(root, folders[part], by_class)
    unlabelled: list[Path] = []
    if "test" in parts and not parts["test"]:
        unlabelled = _visible(folders["test"])
        aside -= set(unlabelled)
    if unlabelled:
        del parts["test"]
        folders["unlabelled"] = folders.pop("test")
    if "test" not in parts and parts.get("validation"):
        parts["test"] = parts.pop("validation")
        folders["test"] = folders.pop("validation")
    if "test" in parts:
        _require_same_classes(root, parts)
    else:
        parts = {"": parts["train"]}
        folders = {"": folders.pop("train"), **folders}
    return Layout(root, parts, folders, unlabelled, sorted(aside))


def _classes(folder: Path, nested: bool, aside: set[Path]) -> ByClass:
    """Return the files of each class in a folder; adds to `aside` what is no class."""
    found: ByClass = {}
    for path in _visible(folder, aside):
        if not path.is_dir():
            aside.add(path)
        elif nested:
            found |= _nested_classes(path, path.name, aside)
        else:
            found[path.name] = _visible(path, aside)
    return found


def _nested_classes(folder: Path, name: str, aside: set[Path]) -> ByClass:
    """Return the files of a class and of the classes within its folder."""
    files: list[Path] = []
    found: ByClass = {}
    for path in _visible(folder, aside):
        if path.is_dir() and not path.is_symlink():
            found |= _nested_classes(path, f"{name}/{path.name}", aside)
        else:
            files.append(path)
    return ({name: files} if files or not found else {}) | found


def _visible(folder: Path, aside: set[Path] | None = None) -> list[Path]:
    """List a folder, sorted by name; adds hidden files and litter to `aside`."""
    paths = sorted(folder.iterdir(), key=lambda path: path.name)
    ours = artifacts()  # may be in the folder, if that is the working folder
    hidden = {
        path
        for path in paths
        if path.name.startswith(".")
        or path.name.lower() in LITTER
        or (path.name == ours.name and path.resolve() == ours.resolve())
    }
    if aside is not None:
        aside |= hidden
    return [path for path in paths if path not in hidden]


def files_below(folder: Path) -> list[Path]:
    """List the files in a folder and its subfolders, without hidden files and litter.

    Links to folders are not followed.
    """
    files = []
    for path in _visible(folder):
        if not path.is_dir():
            files.append(path)
        elif not path.is_symlink():
            files += files_below(path)
    return files


def _holds_only_folders(paths: Sequence[Path]) -> bool:
    return bool(paths) and all(path.is_dir() for path in paths)


def _require_right_level(root: Path, folder: Path, by_class: ByClass) -> None:
    """Raise BadInput if the folders in a folder hold nothing but folders."""
    paths = [path for files in by_class.values() for path in files]
    if not _holds_only_folders(paths):
        return
    if len(by_class) == 1 and folder == root:
        (name,) = by_class
        advice = f"name that folder: {printable(folder / name)}"
    else:
        names = [printable(path.relative_to(folder)) for path in paths]
        advice = f"pass --nested to take them as classes ({first_few(names, ', ')})"
    raise BadInput(f"{printable(folder)}: classes are one level deeper; {advice}")


def _require_same_classes(root: Path, parts: dict[str, ByClass]) -> None:
    train, test = parts["train"] | parts.get("validation", {}), parts["test"]
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


def require_images(counts: Mapping[str, int], folder: Path, least: int) -> None:
    """Raise BadInput unless there are two classes with at least `least` images each."""
    where = printable(folder)
    if not counts:
        raise BadInput(f"{where}: no classes; expected one folder of images per class")
    if len(counts) == 1:
        raise BadInput(
            f"{where}: found only one class, {printable(*counts)}; expected at least "
            "two"
        )
    for name, n in counts.items():
        if n < least:
            what = f"{least} images, {least - 1} of them for training"
            raise BadInput(
                f"{printable(folder / name)}: expected at least "
                f"{what if least > 1 else 'one image'}, found {n or 'none'}; add "
                "images, or remove the folder"
            )


def first_few(items: Sequence[str], between: str) -> str:
    """Join the first ten items and the number of further ones."""
    more = [f"and {len(items) - LISTED:,} more"] if len(items) > LISTED else []
    return between.join([*items[:LISTED], *more])
