"""Labelled images, and data sets by name: one file in `datasets/` is one data set.

`folder:PATH` is the data set of the photographs in a folder.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline import datasets
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import Images, choose, sizes
from visbase.pipeline.storage import cache

FOLDER = "folder:"

LARGEST_ICON_PX = 40  # longer side; the digits have 28, CIFAR's photographs 32


@dataclass(frozen=True)
class Split:
    """n labelled images.

    images (n, h, w) or (n, h, w, 3) uint8, or a lazy sequence of such images;
    labels (n,) int64 from 0; names one a image, for messages.
    """

    images: Images
    labels: NDArray[np.int64]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """The split of a data set and the names of its classes.

    published: whether others have the same; records of a private one stay private.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    published: bool = True

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of classes, labels and pixels: the same for the same data set."""
        return cache.fingerprint(
            {
                "classes": self.classes,
                "train": self.train.images,
                "train labels": self.train.labels,
                "test": self.test.images,
                "test labels": self.test.labels,
            }
        )

    @functools.cached_property
    def photographs(self) -> bool:
        """Whether the typical training image is larger than digits and icons are."""
        return max(self._typical_size) > LARGEST_ICON_PX

    @property
    def kind(self) -> str:
        """What the images are, in words."""
        height, width = self._typical_size
        about = f"of about {width} x {height} pixels"
        return ("photographs " if self.photographs else "images ") + about

    @functools.cached_property
    def _typical_size(self) -> tuple[int, int]:
        height, width = np.median(sizes(self.train.images), axis=0).astype(int)
        return int(height), int(width)


def dataset_modules() -> dict[str, ModuleType]:
    """Every file of `pipeline/datasets`, by name."""
    return {
        info.name: importlib.import_module(f"visbase.pipeline.datasets.{info.name}")
        for info in pkgutil.iter_modules(datasets.__path__)
    }


def load_dataset(
    name: str,
    folder: Path | None = None,
    *,
    train_per_class: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
) -> Dataset:
    """Load a data set by name; `folder` replaces the place where it looks for files.

    The name `folder:PATH` loads photographs; train_per_class, seed and skip_bad are
    for them alone, see load_folder.
    """
    if name.startswith(FOLDER):
        if folder is not None:
            raise BadInput(f"--data {folder}: {FOLDER}PATH says where the files are")
        return _load_folder(name, train_per_class, seed, skip_bad)
    if train_per_class is not None or skip_bad:
        option = "--skip-bad" if train_per_class is None else "--train-per-class"
        raise BadInput(f"{option} is for {FOLDER}PATH; {name} is complete and split")
    modules = dataset_modules()
    if name not in modules:
        raise BadInput(
            f"no data set {name!r}; there are: {', '.join(modules)}, {FOLDER}PATH"
        )
    dataset: Dataset = modules[name].load(folder)
    return dataset


def _load_folder(
    name: str, train_per_class: int | None, seed: int, skip_bad: bool
) -> Dataset:
    from visbase.pipeline.folder import (
        load_folder,  # which is made of what is defined here
    )

    path = name.removeprefix(FOLDER)
    if not path:
        raise BadInput(f"--dataset {name}: expected {FOLDER}PATH, found no path")
    # the shell expands a tilde only where a word begins
    try:
        root = Path.home() / path[2:] if path.startswith("~/") else Path(path)
    except RuntimeError:
        raise BadInput(f"--dataset {name}: nothing says where ~ is; set HOME") from None
    return load_folder(root, train_per_class, seed, skip_bad)


def hold_out(train: Split, n_validation: int) -> tuple[Split, Split]:
    """Training and validation part: the last n_validation training images validate."""
    n = len(train) - n_validation
    if n_validation < 1 or n < 1:
        raise BadInput(
            f"cannot hold out {n_validation} validation images from {len(train)} "
            "training images; at least one must remain on each side"
        )
    return part(train, slice(0, n)), part(train, slice(n, None))


def hold_out_sixth(train: Split, seed: int) -> tuple[Split, Split]:
    """Training and validation part: a random sixth of each class validates.

    For images sorted by class. At least one image of every class that has two
    validates; the training part is shuffled, so that its first images are a sample.
    """
    rng = np.random.default_rng(seed)
    kept, held = [], []
    for label in np.unique(train.labels):
        rows = rng.permutation(np.flatnonzero(train.labels == label))
        n = max(1, len(rows) // 6) if len(rows) > 1 else 0
        held.append(rows[:n])
        kept.append(rows[n:])
    validation = np.sort(np.concatenate(held))
    if not len(validation):
        raise BadInput(
            "cannot hold out validation images: no class has two training images"
        )
    return (
        take(train, rng.permutation(np.concatenate(kept))),
        take(train, validation),
    )


def take(split: Split, rows: NDArray[np.int64]) -> Split:
    """The images of a split at the given positions, in that order."""
    names = [split.names[row] for row in rows]
    return Split(choose(split.images, rows), split.labels[rows], names)


def part(split: Split, rows: slice) -> Split:
    """A slice of a split's images."""
    return Split(split.images[rows], split.labels[rows], split.names[rows])
