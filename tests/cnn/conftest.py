"""Few training digits; no test recalls the network of another test."""

from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset


@pytest.fixture(autouse=True)
def own_folders(fresh_folders: Path) -> None:
    """Networks are kept in a folder of each test."""


@pytest.fixture
def digits(mnist: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """300 training images and their labels."""
    return mnist.train.images[:300], mnist.train.labels[:300]
