"""The published datasets are the published ones; validation has its own writers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import (
    Dataset,
    Split,
    Writers,
    hold_out,
    hold_out_sixth,
    part,
    validation_split,
)
from visbase.pipeline.errors import BadInput

FASHION = Path("/usr/share/datasets/fashion-mnist")


def test_mnist_is_the_published_one(mnist: Dataset) -> None:
    for split, n in ((mnist.train, 60_000), (mnist.test, 10_000)):
        assert (split.images.shape, split.images.dtype) == ((n, 28, 28), np.uint8)
        assert split.labels.dtype == np.int64
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert (mnist.train.names[1], mnist.test.names[0]) == ("train/0/1", "test/7/0")
    assert mnist.classes == tuple("0123456789")


def test_writers_of_mnist_are_those_that_qmnist_counts(mnist: Dataset) -> None:
    train, test = mnist.train.writers, mnist.test.writers
    assert train is not None and test is not None
    people = [np.unique(writers.ids) for writers in (train, test)]
    assert [len(ids) for ids in people] == [539, 297]
    assert not np.intersect1d(*people).size  # none is in both
    is_student = test.groups == "students"
    assert is_student[:5000].all()
    assert np.flatnonzero(is_student[5000:]).tolist() == [0]
    # the last 10,000 training digits share 251 writers with the others
    last, others = train.ids[50_000:], train.ids[:50_000]
    assert len(np.unique(last)) == 305
    assert len(np.intersect1d(last, others)) == 251
    assert np.isin(last, others).sum() == 4080
    assert (train.groups[::2][:29_050] == "students").all()  # who alternate with others


def test_validation_of_mnist_has_its_own_writers(mnist: Dataset) -> None:
    train, validation = validation_split(mnist, seed=0)
    assert train.writers is not None and validation.writers is not None
    assert not np.intersect1d(train.writers.ids, validation.writers.ids).size
    assert sorted([*train.names, *validation.names]) == sorted(mnist.train.names)
    assert len(validation) == pytest.approx(10_000, abs=60)
    is_student = validation.writers.groups == "students"
    assert is_student.sum() == pytest.approx(29_050 / 6, abs=60)
    assert np.ptp(np.bincount(validation.labels) / np.bincount(train.labels)) < 0.02
    assert validation_split(mnist, seed=1)[1].names == validation.names
    assert validation_split(mnist, 0, by_writer=False)[1].names[0] == "train/3/50000"


def test_parts_of_a_split_keep_their_writers() -> None:
    ids, groups = np.arange(12) // 2, np.repeat(["a", "b"], 6)
    labels = np.arange(12) % 2
    split = Split(np.zeros((12, 2, 2), np.uint8), labels, [""] * 12)
    split = replace(split, writers=Writers(ids, groups))
    last = part(split, slice(6, None)).writers
    assert last is not None
    assert (last.ids.tolist(), set(last.groups)) == ([3, 3, 4, 4, 5, 5], {"b"})
    train, held_out = hold_out_sixth(split, seed=0)
    assert train.writers is not None and held_out.writers is not None
    # one writer of each group, with both classes
    assert held_out.writers.groups.tolist() == ["a", "a", "b", "b"]
    assert held_out.labels.tolist() == [0, 1, 0, 1]
    assert not set(train.writers.ids) & set(held_out.writers.ids)


def test_fashion_mnist_is_loaded_by_the_same_code() -> None:
    if not FASHION.is_dir():
        pytest.skip(f"{FASHION} is not on this machine, and tests download nothing")
    fashion = load_dataset("fashion_mnist", FASHION)
    assert fashion.train.images.shape == (60_000, 28, 28)
    assert np.bincount(fashion.train.labels).tolist() == [6000] * 10
    assert np.bincount(fashion.test.labels).tolist() == [1000] * 10
    assert fashion.classes[fashion.train.labels[0]] == "Ankle boot"


def test_unknown_dataset_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"'cifar'.*fashion_mnist, imagenet, mnist"):
        load_dataset("cifar")


def test_hold_out_takes_the_last_images_but_not_all() -> None:
    three = Split(np.arange(3, dtype=np.uint8), np.arange(3) + 5, list("abc"))
    train, validation = hold_out(three, 1)
    assert (train.images.tolist(), train.labels.tolist()) == ([0, 1], [5, 6])
    assert (validation.images.tolist(), validation.labels.tolist()) == ([2], [7])
    assert (train.names, validation.names) == (["a", "b"], ["c"])
    for n in (-1, 0, 3, 4):
        with pytest.raises(BadInput, match=f"hold out {n} .*from 3"):
            hold_out(three, n)
