"""What was found in a folder of photographs, as plain data and in plain sentences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from visbase.pipeline.datasets.class_folders import first_few

DROPPED = "dropped"  # the part of a copy that is left out


@dataclass(frozen=True)
class Copies:
    """Files that show the same picture: names, and the class and the part of each.

    parts: "train", "validation", "test", DROPPED, or "" where no split has been made.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def across_classes(self) -> bool:
        return len(set(self.classes)) > 1

    @property
    def across_split(self) -> bool:
        kept = {part == "test" for part in self.parts if part != DROPPED}
        return len(kept) > 1


@dataclass(frozen=True)
class Findings:
    """What was found in a folder of photographs.

    images: readable images by part ("train", "validation", "test", or "" where no split
    has been made) and class; folders: the folder of each part and of "unlabelled", {}
    if the classes are in the folder itself; smallest, median and largest: width and
    height in pixels; n_colour: images with colour; left_aside: files and folders that
    do not count; unreadable: reasons by file; blank: images of (nearly) one level;
    similar_classes: names that differ in capitals only. Files are named from the
    folder.
    """

    path: str
    images: dict[str, dict[str, int]]
    folders: dict[str, str]
    n_unlabelled: int
    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    n_colour: int
    left_aside: tuple[str, ...]
    unreadable: dict[str, str]
    copies: tuple[Copies, ...]
    blank: tuple[str, ...]
    similar_classes: tuple[tuple[str, ...], ...]

    @property
    def classes(self) -> dict[str, int]:
        """Images per class in all parts together."""
        parts = self.images.values()
        names = dict.fromkeys(itertools.chain.from_iterable(parts))
        return {name: sum(part.get(name, 0) for part in parts) for name in names}

    @property
    def n_images(self) -> int:
        return sum(self.classes.values())

    @property
    def has_split(self) -> bool:
        """Whether folders give the split."""
        return "test" in self.folders


def decisions(found: Findings) -> list[str]:
    """List what the owner should decide before anything is trained, one line each."""
    few = [f"{name} ({n})" for name, n in found.classes.items() if n < 2]
    few += [
        f"{name} (none in {part})"
        for part in ("train", "test")
        for name in found.classes
        if found.has_split and not found.images[part].get(name)
    ]
    across = [group for group in found.copies if found.has_split and group.across_split]
    mixed = [group for group in found.copies if group.across_classes]
    return [
        *_unreadable(found, "repair or remove them, or run with --skip-bad"),
        *_item("Classes with too few images", few, "add images, or remove the folder"),
        *_similar(found),
        *_item("Pictures in more than one class", _listed(mixed), "keep one copy"),
        *_item(
            "Pictures on both sides of the split",
            _listed(across),
            "keep one copy, or pass --drop-duplicates",
        ),
        *_item("Blank images", found.blank, "remove them, unless they are meant"),
    ]


def notes(found: Findings) -> list[str]:
    """List what a run on this folder should say, one line each."""
    skipped = [name for g in found.copies for name in _of(g, DROPPED)]
    return [
        *_folders(found),
        *_left_aside(found),
        *_unreadable(found, "they are skipped"),
        *_similar(found),
        *_item("Copies of other images", skipped, "they are left out"),
        *_copies_across_split(found),
        *_item("Blank images", found.blank, "they are kept"),
    ]


def describe(found: Findings) -> list[str]:
    """Describe a folder in plain sentences, for people."""
    n, (smallest, median, largest) = (
        found.n_images,
        (
            " x ".join(map(str, size))
            for size in (found.smallest, found.median, found.largest)
        ),
    )
    sizes = (
        f"{smallest} pixels"
        if smallest == largest
        else (f"between {smallest} and {largest} pixels, {median} is typical")
    )
    colours = {0: "all are grey", n: "all are in colour"}
    grey = f"{found.n_colour:,} are in colour, {n - found.n_colour:,} are grey"
    drawn = "No split is given; one would be made at random."
    if "test" in found.images:
        drawn = "The split is made at random."
    n_copies = sum(len(group.names) for group in found.copies)
    return [
        f"{found.path}: {n:,} images in {len(found.classes):,} classes",
        *_table(found),
        *(_folders(found) or [drawn]),
        f"Image sizes: {sizes}; {colours.get(found.n_colour, grey)}.",
        *_left_aside(found),
        *(
            [f"{found.n_unlabelled:,} images have no class."]
            if found.n_unlabelled
            else []
        ),
        *(
            _item(
                f"Pictures with near-duplicates, {n_copies:,} images",
                _listed(found.copies),
            )
            or ["No near-duplicates were found."]
        ),
    ]


def _table(found: Findings) -> list[str]:
    """One row per class with its images in each part."""
    parts = list(found.images)
    heads = ["class", *(part or "images" for part in parts)]
    rows = [
        heads,
        *(
            [name, *(f"{found.images[part].get(name, 0):,}" for part in parts)]
            for name in found.classes
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            f"{cell:{'>' if i else '<'}{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _folders(found: Findings) -> list[str]:
    """Say in one line which folder is what."""
    use = {
        "": "to be split at random",
        "train": "for training",
        "validation": "for training and for choosing settings",
        "test": "for testing",
        "unlabelled": "for images without classes",
    }
    said = [f"{name}/ {use[part]}" for part, name in found.folders.items()]
    return [f"Folders: {', '.join(said)}."] if said else []


def _left_aside(found: Findings) -> list[str]:
    return _item("Files and folders left aside", found.left_aside)


def _unreadable(found: Findings, advice: str) -> list[str]:
    reasons = [f"{name} ({reason})" for name, reason in found.unreadable.items()]
    return _item("Files that cannot be read", reasons, advice)


def _similar(found: Findings) -> list[str]:
    names = [" and ".join(group) for group in found.similar_classes]
    advice = "rename one, or join the folders if they are one class"
    return _item("Classes that differ only in capitals", names, advice)


def _copies_across_split(found: Findings) -> list[str]:
    across = [group for group in found.copies if group.across_split]
    if not across:
        whole = [group for group in found.copies if DROPPED not in group.parts]
        what = "Pictures with near-duplicates, each on one side of the split"
        return _item(what, _listed(whole))
    n_copies = sum(len(_of(group, "test")) for group in across)
    n_test = sum(found.images["test"].values())
    test, train = _of(across[0], "test")[0], _of(across[0], "train", "validation")[0]
    return [
        f"{n_copies:,} of {n_test:,} test images show the same picture as a training "
        f"image ({test} is {train}); they are kept"
    ]


def _of(group: Copies, *parts: str) -> list[str]:
    """Names of the files of a group that are in some parts."""
    pairs = zip(group.names, group.parts, strict=True)
    return [name for name, part in pairs if part in parts]


def _listed(groups: Iterable[Copies]) -> list[str]:
    return [first_few(group.names, " = ") for group in groups]


def _item(what: str, items: Sequence[str], advice: str = "") -> list[str]:
    """One line that counts the items and names the first, or no line for no item."""
    if not items:
        return []
    end = f"; {advice}" if advice else ""
    return [f"{what} ({len(items):,}): {first_few(items, ', ')}{end}"]
