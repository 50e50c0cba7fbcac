"""Draw the test images of a dataset at random, separately in each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
