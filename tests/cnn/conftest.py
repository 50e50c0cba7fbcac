"""Small training sets for networks; no test recalls the network of another test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.datasets.splits import Dataset


@pytest.fixture(autouse=True)
def own_folders(fresh_folders: Path) -> None:
    """Networks are kept in a folder of each test."""


@pytest.fixture
def digits(mnist: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """300 training images and their labels."""
    return mnist.train.images[:300], mnist.train.labels[:300]


def linear(height: int, width: int, n_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(height * width, n_classes))


@pytest.fixture
def make_linear() -> Callable[..., NetworkClassifier]:
    """Makes an untrained classifier of one linear layer."""

    def make(recipe: Recipe, seed: int = 0, **settings: object) -> NetworkClassifier:
        return NetworkClassifier(linear, recipe, seed, **settings)  # type: ignore[arg-type]

    return make
