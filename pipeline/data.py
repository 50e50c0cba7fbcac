"""Labelled images, and data sets by name: one file in `datasets/` is one data set."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

import pipeline.datasets
from pipeline.errors import BadInput
from pipeline.images import Images


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
    """The official split of a data set and the names of its classes."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]


def dataset_modules() -> dict[str, ModuleType]:
    """Every file of `pipeline/datasets`, by name."""
    return {
        info.name: importlib.import_module(f"pipeline.datasets.{info.name}")
        for info in pkgutil.iter_modules(pipeline.datasets.__path__)
    }


def load_dataset(name: str, folder: Path | None = None) -> Dataset:
    """Load a data set by name; `folder` replaces the place where it looks for files."""
    modules = dataset_modules()
    if name not in modules:
        raise BadInput(f"no data set {name!r}; there are: {', '.join(modules)}")
    dataset: Dataset = modules[name].load(folder)
    return dataset


def hold_out(train: Split, n_validation: int) -> tuple[Split, Split]:
    """Training and validation part: the last n_validation training images validate."""
    n = len(train) - n_validation
    if n_validation < 1 or n < 1:
        raise BadInput(
            f"cannot hold out {n_validation} validation images from {len(train)} "
            "training images; at least one must remain on each side"
        )
    return part(train, slice(0, n)), part(train, slice(n, None))


def part(split: Split, rows: slice) -> Split:
    """A slice of a split's images."""
    return Split(split.images[rows], split.labels[rows], split.names[rows])
