"""The published datasets are the published ones; validation takes the last images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Dataset, Split, hold_out
from visbase.pipeline.errors import BadInput

FASHION = Path("/usr/share/datasets/fashion-mnist")


def test_mnist_is_the_published_one(mnist: Dataset) -> None:
    train, test = mnist.train, mnist.test
    assert train.images.shape == (60_000, 28, 28)
    assert test.images.shape == (10_000, 28, 28)
    assert train.images.dtype == test.images.dtype == np.uint8
    assert train.labels.dtype == test.labels.dtype == np.int64
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert train.names[1] == "train/0/1"
    assert test.names[0] == "test/7/0"
    assert mnist.classes == tuple("0123456789")


def test_fashion_mnist_is_loaded_by_the_same_code() -> None:
    if not FASHION.is_dir():
        pytest.skip(f"{FASHION} is not on this machine, and tests download nothing")
    fashion = load_dataset("fashion_mnist", FASHION)
    assert fashion.train.images.shape == (60_000, 28, 28)
    assert np.bincount(fashion.train.labels).tolist() == [6000] * 10
    assert np.bincount(fashion.test.labels).tolist() == [1000] * 10
    assert fashion.classes[fashion.train.labels[0]] == "Ankle boot"


def test_unknown_dataset_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"'cifar'.*fashion_mnist, mnist"):
        load_dataset("cifar")


def test_hold_out_takes_the_last_images(mnist: Dataset) -> None:
    train, validation = hold_out(mnist.train, 10_000)
    assert len(train) == 50_000
    assert np.array_equal(validation.images, mnist.train.images[50_000:])
    assert np.array_equal(validation.labels, mnist.train.labels[50_000:])
    assert validation.names[0].endswith("/50000")
    assert train.names[-1].endswith("/49999")


@pytest.mark.parametrize("n", [-1, 0, 3, 4])
def test_hold_out_leaves_an_image_on_each_side(n: int) -> None:
    three = Split(np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.int64), list("abc"))
    with pytest.raises(BadInput, match=f"hold out {n} .*from 3"):
        hold_out(three, n)
