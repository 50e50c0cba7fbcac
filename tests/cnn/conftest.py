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
def train_linear(
    digits: tuple[np.ndarray, np.ndarray],
) -> Callable[..., NetworkClassifier]:
    """Trains one linear layer, on the 300 digits unless it is given other data."""

    def train(
        recipe: Recipe, seed: int = 0, data: object = digits, **settings: object
    ) -> NetworkClassifier:
        model = NetworkClassifier(linear, recipe, seed, **settings)  # type: ignore[arg-type]
        model.fit(*data)  # type: ignore[misc]
        return model

    return train
