"""The published datasets are the published ones; validation takes the last images."""

from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Dataset, Split, hold_out
from visbase.pipeline.errors import BadInput

FASHION = Path("/usr/share/datasets/fashion-mnist")


def test_mnist_is_the_published_one(mnist: Dataset) -> None:
    for part, n in ((mnist.train, 60_000), (mnist.test, 10_000)):
        assert (part.images.shape, part.images.dtype) == ((n, 28, 28), np.uint8)
        assert part.labels.dtype == np.int64
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert (mnist.train.names[1], mnist.test.names[0]) == ("train/0/1", "test/7/0")
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


def test_hold_out_takes_the_last_images_but_not_all() -> None:
    three = Split(np.arange(3, dtype=np.uint8), np.arange(3) + 5, list("abc"))
    train, validation = hold_out(three, 1)
    assert (train.images.tolist(), train.labels.tolist()) == ([0, 1], [5, 6])
    assert (validation.images.tolist(), validation.labels.tolist()) == ([2], [7])
    assert (train.names, validation.names) == (["a", "b"], ["c"])
    for n in (-1, 0, 3, 4):
        with pytest.raises(BadInput, match=f"hold out {n} .*from 3"):
            hold_out(three, n)
