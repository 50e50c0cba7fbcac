"""Load a folder of photographs as a dataset: check, split and name it.

The names of its folders are the classes, see `class_folders`. If it has no split, N
random images per class are for training and all others for testing.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.class_folders import (
    ByClass,
    find_classes,
    require_images,
)
from visbase.pipeline.datasets.photo_check import check_photos
from visbase.pipeline.datasets.splits import Dataset, Split, typical_size
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.photo_files import PhotoFiles

LARGEST_ICON_PX = 40  # longer side; digits have 28, CIFAR's images 32


def load_folder(
    root: Path, train_per_class: int | None, seed: int, skip_bad: bool
) -> Dataset:
    """Check every file, then split; no image stays in memory.

    train_per_class: training images per class if the folder has no split, chosen by
    seed; skip_bad: report and skip files that cannot be read instead of raising. Raises
    BadInput for any fault of the folder.
    """
    parts = find_classes(root, train_per_class)
    least = 1 if train_per_class is None else train_per_class + 1
    for part, by_class in parts.items():
        require_images(by_class, root / part, least)
    files = [
        path for part in parts.values() for paths in part.values() for path in paths
    ]
    checked = check_photos(files)
    photos, reasons = checked.photos, checked.reasons
    if reasons:
        _refuse_or_report(root, len(files), reasons, skip_bad)
        parts = {part: _without(files, reasons) for part, files in parts.items()}
        for part, by_class in parts.items():
            require_images(by_class, root / part, least)
    if train_per_class is not None:
        train, test = _random_split(parts[""], train_per_class, seed)
    else:
        train, test = parts["train"], parts["test"]
    classes = tuple(printable(name) for name in train)
    _require_distinct(root, classes)
    training = _split(root, train, photos)
    is_small = max(typical_size(training.images)) <= LARGEST_ICON_PX
    dataset = Dataset(
        dataset_name(root),
        training,
        _split(root, test, photos),
        classes,
        kind="objects" if is_small else "photographs",
        channels=3,
        published=False,
    )
    _report_duplicates(dataset)
    return dataset


def _require_distinct(root: Path, classes: tuple[str, ...]) -> None:
    """Raise BadInput if two class names would be printed alike."""
    counts = Counter(unicodedata.normalize("NFC", name) for name in classes)
    (name, n), *_ = counts.most_common(1)
    if n > 1:
        raise BadInput(
            f"{printable(root)}: {n} classes are printed as {name}; rename one"
        )


def dataset_name(root: Path) -> str:
    """Return `folder-` and the last part of the path, safe as the name of one folder.

    Anything but letters, digits, dots, dashes and underscores becomes an underscore, so
    that no name leads to another folder; 60 characters fit every file system.
    """
    return "folder-" + re.sub(r"[^\w.-]", "_", root.resolve().name or "root")[:60]


def _refuse_or_report(
    root: Path, n_files: int, reasons: Mapping[Path, str], skip_bad: bool
) -> None:
    """List the files that cannot be read with the reasons; BadInput unless skip_bad."""
    lines = [f"{_name(root, path)}: {reason}" for path, reason in reasons.items()]
    summary = f"{len(reasons):,} of {n_files:,} files cannot be read"
    listed = "\n  " + "\n  ".join(lines)
    if not skip_bad:
        raise BadInput(
            f"{printable(root)}: {summary}; repair or remove them, or skip them with "
            f"--skip-bad:{listed}"
        )
    print(f"{summary} and are skipped:{listed}", file=sys.stderr)


def _without(by_class: ByClass, reasons: Mapping[Path, str]) -> ByClass:
    return {
        name: [path for path in files if path not in reasons]
        for name, files in by_class.items()
    }


def _random_split(by_class: ByClass, n: int, seed: int) -> tuple[ByClass, ByClass]:
    """Draw n random files per class; both parts are sorted within each class."""
    rng = np.random.default_rng(seed)
    train, test = {}, {}
    for name, files in by_class.items():
        order = rng.permutation(len(files))
        train[name] = [files[row] for row in np.sort(order[:n])]
        test[name] = [files[row] for row in np.sort(order[n:])]
    return train, test


def _split(root: Path, by_class: ByClass, photos: PhotoFiles) -> Split:
    paths = [path for files in by_class.values() for path in files]
    position = {path: row for row, path in enumerate(photos.paths)}
    counts = [len(files) for files in by_class.values()]
    labels: NDArray[np.int64] = np.repeat(np.arange(len(counts)), counts)
    return Split(
        photos.take([position[path] for path in paths]),
        labels,
        [_name(root, path) for path in paths],
    )


def _name(root: Path, path: Path) -> str:
    return printable(path.relative_to(root))


def _report_duplicates(dataset: Dataset) -> None:
    """Report how many test images have the same pixels as a training image.

    They are kept, as in published protocols, so that results are comparable.
    """
    train, test = dataset.train.images, dataset.test.images
    assert isinstance(train, PhotoFiles)
    assert isinstance(test, PhotoFiles)
    names = dict(zip(train.digests, dataset.train.names, strict=True))
    rows = [row for row, digest in enumerate(test.digests) if digest in names]
    if rows:
        example = f"{dataset.test.names[rows[0]]} is {names[test.digests[rows[0]]]}"
        print(
            f"{len(rows):,} of {len(test):,} test images are also training images, "
            f"pixel for pixel ({example}); they are kept",
            file=sys.stderr,
        )
