"""Load a folder of photographs as a dataset: check, split and name it.

The names of its folders are the classes, see `class_folders`. If no split is given, N
random images or a random fraction of each class are for training or for testing.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.class_folders import (
    Layout,
    find_layout,
    require_images,
)
from visbase.pipeline.datasets.class_images import (
    ClassImages,
    findings_of,
    list_files,
    read_images,
)
from visbase.pipeline.datasets.findings import DROPPED
from visbase.pipeline.datasets.splits import (
    Dataset,
    Unlabelled,
    draw_fraction,
    draw_per_class,
    typical_size,
)
from visbase.pipeline.errors import BadInput, printable

LARGEST_ICON_PX = 40  # longer side; digits have 28, CIFAR's images 32

Duplicates = Literal["group", "drop", "keep"]


def load_folder(
    root: Path,
    *,
    train_per_class: int | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    nested: bool = False,
    duplicates: Duplicates = "group",
) -> Dataset:
    """Check every file, then split; no image stays in memory.

    If the folder has no split, seed draws one: train_per_class images per class for
    training, or the test_fraction of each class for testing. skip_bad: leave out files
    that cannot be read instead of raising; nested: see `find_layout`. duplicates:
    "group" keeps images of one picture on one side of a test_fraction split, "drop"
    takes only the first of them, "keep" ignores them; other splits keep them unless
    they are dropped. Raises BadInput for any fault of the folder.
    """
    layout = find_layout(root, nested)
    _require_one_split(layout, train_per_class, test_fraction)
    least = 1 if layout.has_split else (train_per_class or 1) + 1
    _require_enough(layout, *list_files(layout)[1:], least)
    photos = read_images(layout)
    if photos.reasons and not skip_bad:
        _refuse(photos)
    parts = photos.parts.astype("U10")
    if duplicates == "drop":
        first = np.unique(photos.groups, return_index=True)[1]
        parts[np.setdiff1d(np.arange(len(parts)), first)] = DROPPED
    _require_enough(layout, photos.labels, parts, least)
    _require_distinct(root, photos.classes)
    if not layout.has_split:
        kept = np.flatnonzero(parts != DROPPED)
        labels, groups = photos.labels[kept], photos.groups[kept]
        if train_per_class is not None:
            is_test = draw_per_class(labels, train_per_class, seed)
        else:
            assert test_fraction is not None
            alone = np.arange(len(labels))
            groups = groups if duplicates == "group" else alone
            is_test = draw_fraction(labels, groups, test_fraction, seed)
        parts[kept] = np.where(is_test, "test", "train")
        _require_both_parts(layout, photos.labels, parts)
    train_rows = np.flatnonzero(np.isin(parts, ("train", "validation")))
    validation = np.flatnonzero(parts[train_rows] == "validation")
    training = photos.split(train_rows)
    is_small = max(typical_size(training.images)) <= LARGEST_ICON_PX
    names = [photos.name(path) for path in photos.unlabelled.paths]
    return Dataset(
        photos.dataset_name,
        training,
        photos.split(np.flatnonzero(parts == "test")),
        photos.classes,
        kind="objects" if is_small else "photographs",
        channels=3,
        published=False,
        validation=validation if len(validation) else None,
        unlabelled=Unlabelled(photos.unlabelled, names) if names else None,
        findings=findings_of(photos, parts),
    )


def _require_one_split(
    layout: Layout, train_per_class: int | None, test_fraction: float | None
) -> None:
    """Raise BadInput unless the folder or exactly one option makes the split."""
    where = printable(layout.root)
    if test_fraction is not None and not 0 < test_fraction < 1:
        raise BadInput(
            f"test_fraction={test_fraction}: expected a number between 0 and 1"
        )
    options = [
        option
        for option, value in (
            ("--train-per-class", train_per_class),
            ("--test-fraction", test_fraction),
        )
        if value is not None
    ]
    if layout.has_split and options:
        raise BadInput(
            f"{where}: already split into train and test; leave out {options[0]}"
        )
    if len(options) == 2:
        raise BadInput(f"pass {options[0]} or {options[1]}, not both")
    if not layout.has_split and not options:
        lacks = (
            f"the images in {printable(layout.folders['unlabelled'].name)} have no "
            "classes"
            if layout.unlabelled
            else "has no folders train and test"
        )
        raise BadInput(
            f"{where}: {lacks}; pass --train-per-class N to train on N random images "
            "per class, or --test-fraction 0.2 to test on a fifth of each class"
        )


def _require_enough(
    layout: Layout, labels: NDArray[np.int64], parts: NDArray[np.str_], least: int
) -> None:
    """Raise BadInput unless each class has enough images in each part."""
    train = np.where(parts == "validation", "train", parts)
    for part in layout.parts.keys() - {"validation"}:
        counts = np.bincount(labels[train == part], minlength=len(layout.classes))
        by_class = dict(zip(layout.classes, counts.tolist(), strict=True))
        require_images(by_class, layout.folders.get(part, layout.root), least)


def _require_both_parts(
    layout: Layout, labels: NDArray[np.int64], parts: NDArray[np.str_]
) -> None:
    """Raise BadInput if all images of a class are one picture, on one side."""
    for label, name in enumerate(layout.classes):
        if len({*parts[labels == label].tolist()} - {DROPPED}) < 2:
            raise BadInput(
                f"{printable(layout.root)}: the images of {printable(name)} are copies "
                "of each other and cannot be split; add others, or pass "
                "--no-group-duplicates"
            )


def _require_distinct(root: Path, classes: tuple[str, ...]) -> None:
    """Raise BadInput if two class names would be printed alike."""
    counts = Counter(unicodedata.normalize("NFC", name) for name in classes)
    (name, n), *_ = counts.most_common(1)
    if n > 1:
        raise BadInput(
            f"{printable(root)}: {n} classes are printed as {name}; rename one"
        )


def _refuse(photos: ClassImages) -> None:
    """Raise BadInput with all files that cannot be read and the reasons."""
    n_bad = len(photos.reasons)
    n = len(photos.files) + len(photos.unlabelled) + n_bad
    lines = [f"{photos.name(path)}: {why}" for path, why in photos.reasons.items()]
    raise BadInput(
        f"{printable(photos.layout.root)}: {n_bad:,} of {n:,} files cannot be read; "
        "repair or remove them, or skip them with --skip-bad:\n  " + "\n  ".join(lines)
    )
