"""A dataset that is fitted in seconds."""

import dataclasses

import pytest

from visbase.pipeline.datasets.splits import Dataset, part


@pytest.fixture
def few(mnist: Dataset) -> Dataset:
    """The first 1,200 training and 300 test images of MNIST."""
    train, test = part(mnist.train, slice(0, 1200)), part(mnist.test, slice(0, 300))
    return dataclasses.replace(mnist, train=train, test=test)
