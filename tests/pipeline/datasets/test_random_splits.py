"""Random splits: the share of each class, and groups that stay together."""

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import draw_fraction


def test_groups_stay_together_and_classes_keep_their_share() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        counts = rng.integers(2, 60, rng.integers(2, 6))
        labels = np.repeat(np.arange(len(counts)), counts)
        largest = int(rng.integers(1, 6))  # images of a group, of any classes
        groups = rng.permutation(np.arange(len(labels)) // largest)
        fraction = rng.uniform(0.05, 0.6)
        is_test = draw_fraction(labels, groups, fraction, seed)
        for group in np.unique(groups):
            assert len(set(is_test[groups == group])) == 1
        share = np.clip(np.rint(fraction * counts), 1, counts - 1)
        n_test = np.bincount(labels, is_test).astype(int)
        assert np.abs(n_test - share).sum() <= len(counts) + largest
        if largest == 1:
            assert n_test.tolist() == share.tolist()


def test_share_is_missed_by_at_most_half_of_a_group() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        labels = np.repeat([0, 1], [60, 40])
        size = rng.integers(1, 9)  # groups within a class
        groups = np.concatenate([np.arange(60) // size, 99 + np.arange(40) // size])
        is_test = draw_fraction(labels, groups, 0.25, seed)
        n_test = np.bincount(labels, is_test)
        assert np.abs(n_test - [15, 10]).max() <= size / 2


def test_every_image_is_tested_by_some_seed_and_large_groups_as_well() -> None:
    labels = np.repeat([0, 1], 20)
    groups = np.array([*[0] * 4, *range(1, 17), *range(20, 40)])
    draws = [draw_fraction(labels, groups, 0.25, seed) for seed in range(40)]
    often = np.mean(draws, axis=0)
    assert often.min() > 0.05
    assert often.max() < 0.5
    assert (draw_fraction(labels, groups, 0.25, 3) == draws[3]).all()


def test_class_of_large_groups_gets_its_smallest_for_testing() -> None:
    labels = np.repeat([0, 1], [12, 10])
    groups = np.array([*[0] * 5, *[1] * 7, *range(2, 12)])
    is_test = draw_fraction(labels, groups, 0.1, 0)
    assert is_test[:12].tolist() == [True] * 5 + [False] * 7
    assert is_test[12:].sum() == 1


def test_class_that_is_one_group_stays_in_training() -> None:
    labels, groups = np.repeat([0, 1], [3, 5]), np.array([0, 0, 0, *range(1, 6)])
    for seed in range(4):
        is_test = draw_fraction(labels, groups, 0.6, seed)
        assert np.bincount(labels, is_test).tolist() == [0, 3]


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_either_side_has_each_class(fraction: float) -> None:
    labels = np.repeat([0, 1, 2], [2, 3, 50])
    is_test = draw_fraction(labels, np.arange(55), fraction, 0)
    expected = [1, 1, 1] if fraction < 0.5 else [1, 2, 49]
    assert np.bincount(labels, is_test).tolist() == expected
