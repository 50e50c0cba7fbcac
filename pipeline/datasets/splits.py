"""Labelled images: splits, random or given, datasets, and held-out images."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Images, Kind
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import choose, sizes

if TYPE_CHECKING:
    from visbase.pipeline.datasets.findings import Findings

N_VALIDATION = 10_000  # held-out images of a published dataset, at most


@dataclass(frozen=True)
class Writers:
    """Who wrote each of n images: ids (n,) int64, and their groups (n,), as text."""

    ids: NDArray[np.int64]
    groups: NDArray[np.str_]

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> Writers:
        return Writers(self.ids[rows], self.groups[rows])


@dataclass(frozen=True)
class Split:
    """n labelled images.

    images (n, h, w) or (n, h, w, 3) uint8, or a lazy sequence of such images;
    labels (n,) int64 from 0; names: one per image, for messages; writers: of
    handwriting, if they are known.
    """

    images: Images
    labels: NDArray[np.int64]
    names: Sequence[str]
    writers: Writers | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Unlabelled:
    """n images to be classified; names: one per image."""

    images: Images
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Dataset:
    """The split of a dataset and the names of its classes.

    kind: one of `contracts.KINDS`, which decides on settings and on what may be done to
    the images: digits are deskewed and never mirrored, objects are small pictures of
    things, photographs are larger; channels: 1 for grey, 3 for RGB (a folder may mix
    both); published: whether it is public; records of a private one stay private;
    validation: positions of training images that are meant for choosing settings, (m,);
    unlabelled: images without a class; findings: about a folder of photographs.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    kind: Kind
    channels: int
    published: bool = True
    validation: NDArray[np.int64] | None = None
    unlabelled: Unlabelled | None = None
    findings: Findings | None = None

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of classes, labels and pixels."""
        from visbase.pipeline.images.fingerprint import fingerprint  # rarely needed

        return fingerprint(
            {
                "classes": self.classes,
                "train": self.train.images,
                "train labels": self.train.labels,
                "test": self.test.images,
                "test labels": self.test.labels,
            }
        )

    @property
    def published_name(self) -> str:
        """Its name if it is published: a folder may be named like anything else."""
        return self.name if self.published else ""

    @property
    def photographs(self) -> bool:
        return self.kind == "photographs"

    @property
    def description(self) -> str:
        """Describe the images in words."""
        height, width = typical_size(self.train.images)
        about = f"of about {width} x {height} pixels"
        return ("photographs " if self.photographs else "images ") + about


def typical_size(images: Images) -> tuple[int, int]:
    """Return the median height and width of n images."""
    height, width = np.median(sizes(images), axis=0).astype(int)
    return int(height), int(width)


def hold_out(train: Split, n_validation: int) -> tuple[Split, Split]:
    """Split off the last n_validation training images for validation."""
    n = len(train) - n_validation
    if n_validation < 1 or n < 1:
        raise BadInput(
            f"cannot hold out {n_validation} validation images from {len(train)} "
            "training images; each part needs at least one"
        )
    return part(train, slice(0, n)), part(train, slice(n, None))


def validation_split(
    dataset: Dataset, seed: int, by_writer: bool = True
) -> tuple[Split, Split]:
    """Return the training images to train on, and those for validation.

    Validation takes the images that a folder of photographs has for it, or a random
    sixth of each of its classes; of a published dataset it takes the last sixth, at
    most N_VALIDATION images. Where the writers are known, it takes all images of a
    sixth of them, the same for every seed, unless by_writer is false.
    """
    train = dataset.train
    if by_writer and train.writers is not None:
        return hold_out_sixth(train, seed=0)
    if dataset.validation is not None:
        others = np.delete(np.arange(len(train)), dataset.validation)
        others = np.random.default_rng(seed).permutation(others)
        return take(train, others), take(train, dataset.validation)
    if dataset.published:
        return hold_out(train, min(N_VALIDATION, max(1, len(train) // 6)))
    return hold_out_sixth(dataset.train, seed)


def hold_out_sixth(train: Split, seed: int) -> tuple[Split, Split]:
    """Split off a random sixth of each class for validation.

    For images sorted by class. A class of two or more images gives at least one; the
    training part is shuffled, so that its first images are a random sample. Where the
    writers are known, no writer is in both parts, and each class of each group of
    writers has its share in both if it has two or more images.
    """
    rng = np.random.default_rng(seed)
    if train.writers is not None:
        training, held_out = _divide_writers(train.labels, train.writers, seed)
    else:
        training, held_out = [], []
        for label in np.unique(train.labels):
            rows = rng.permutation(np.flatnonzero(train.labels == label))
            n = max(1, len(rows) // 6) if len(rows) > 1 else 0
            held_out.append(rows[:n])
            training.append(rows[n:])
    validation = np.sort(np.concatenate(held_out))
    if not len(validation):
        raise BadInput(
            "cannot hold out validation images: no class has two training images (by "
            "writers of one group, if they are known); train on more"
        )
    return (
        take(train, rng.permutation(np.concatenate(training))),
        take(train, validation),
    )


def _divide_writers(
    labels: NDArray[np.int64], writers: Writers, seed: int
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Return the positions of the images of most writers, and of a random sixth."""
    groups = np.unique(writers.groups, return_inverse=True)[1]
    strata = np.unique(labels * (groups.max() + 1) + groups, return_inverse=True)[1]
    people = np.unique(writers.ids, return_inverse=True)[1]
    is_held_out = draw_fraction(strata, people, 1 / 6, seed)
    return [np.flatnonzero(~is_held_out)], [np.flatnonzero(is_held_out)]


def take(split: Split, rows: NDArray[np.int64]) -> Split:
    """Return a split's images at the given positions, in that order."""
    names = [split.names[row] for row in rows]
    writers = None if split.writers is None else split.writers[rows]
    return Split(choose(split.images, rows), split.labels[rows], names, writers)


def part(split: Split, rows: slice) -> Split:
    """Return a slice of a split's images."""
    writers = None if split.writers is None else split.writers[rows]
    return Split(split.images[rows], split.labels[rows], split.names[rows], writers)


def draw_per_class(
    labels: NDArray[np.int64], n_train: int, seed: int
) -> NDArray[np.bool_]:
    """Draw n_train training images per class -> whether each image is for testing (n,).

    labels (n,), sorted. Published figures depend on this draw.
    """
    rng = np.random.default_rng(seed)
    is_test = np.ones(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        is_test[rows[rng.permutation(len(rows))[:n_train]]] = False
    return is_test


def draw_fraction(
    labels: NDArray[np.int64], groups: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Draw about this fraction of each class -> whether each image is for testing (n,).

    labels (n,), groups (n,) both from 0; the images of a group, such as copies of one
    picture, stay together. Each class gets its rounded share of test images, at least
    one and never all, if its groups allow that. Groups are visited in random order; one
    is taken if that brings the classes closer to their shares.
    """
    n_classes = int(labels.max()) + 1
    counts = np.bincount(labels)
    share = np.clip(np.rint(fraction * counts), 1, np.maximum(counts - 1, 1))
    by_group = np.argsort(groups, kind="stable")
    members = np.split(by_group, np.flatnonzero(np.diff(groups[by_group])) + 1)
    order = np.random.default_rng(seed).permutation(len(members))
    taken = np.zeros(n_classes, np.int64)
    is_test = np.zeros(len(labels), bool)

    def take(group: int, worst: float) -> None:
        """Take a group unless it misses the shares by `worst` or empties a class."""
        nonlocal taken
        after = taken + np.bincount(labels[members[group]], minlength=n_classes)
        if np.abs(after - share).sum() < worst and (after < counts).all():
            taken = after
            is_test[members[group]] = True

    for group in order:
        take(group, np.abs(taken - share).sum())
    # a class of large groups only may still have none: it gets its smallest
    for group in sorted(order, key=lambda group: len(members[group])):
        if not taken[labels[members[group]]].all():
            take(group, np.inf)
    return is_test
