"""CIFAR-100 (Krizhevsky 2009), in the format of CIFAR-10 but with two labels.

Each of the 100 classes belongs to one of 20 superclasses.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visbase.pipeline.datasets.cifar10 import (
    N_VALIDATION,
    find_files,
    read_records,
)
from visbase.pipeline.datasets.idx import numbered_split
from visbase.pipeline.datasets.splits import Dataset

SUMMARY = "objects: 50,000 + 10,000 colour images of 32 x 32, 100 classes"

FILES = {"train.bin": 50_000, "test.bin": 10_000}  # images in each
ARCHIVE, ARCHIVE_MD5 = "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"
UNPACKED = "cifar-100-binary"  # the folder in the archive
COARSE = (
    *("aquatic mammals", "fish", "flowers", "food containers"),
    *("fruit and vegetables", "household electrical devices", "household furniture"),
    *("insects", "large carnivores", "large man-made outdoor things"),
    *("large natural outdoor scenes", "large omnivores and herbivores"),
    *("medium-sized mammals", "non-insect invertebrates", "people", "reptiles"),
    *("small mammals", "trees", "vehicles 1", "vehicles 2"),
)
FINE_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road
rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel
streetcar sunflower sweet_pepper table tank telephone television tiger tractor train
trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
FINE = tuple(FINE_NAMES.split())


def load(folder: Path | None = None) -> Dataset:
    """Load the official split by class; see `cifar10.load`."""
    return _load("cifar100", 1, FINE, folder)


def load_coarse(folder: Path | None = None) -> Dataset:
    """Load the official split by superclass."""
    return _load("cifar100_coarse", 0, COARSE, folder)


def _load(
    name: str, column: int, classes: tuple[str, ...], folder: Path | None
) -> Dataset:
    paths = find_files("cifar100", [*FILES], folder, ARCHIVE, ARCHIVE_MD5, UNPACKED)
    labels = {"coarse label": len(COARSE), "fine label": len(FINE)}
    train, test = (
        numbered_split(file.removesuffix(".bin"), images, both[:, column])
        for file, (images, both) in (
            (file, read_records(path, FILES[file], labels))
            for file, path in paths.items()
        )
    )
    validation = np.arange(len(train) - N_VALIDATION, len(train))
    return Dataset(name, train, test, classes, "objects", 3, validation=validation)
