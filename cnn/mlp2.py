"""Two weight layers, fully connected: 784 pixels - 800 hidden units - 10 classes.

The lecture's "2-layer NN, ~3.0 %" on undistorted digits. Unlike LeCun's networks of
1998 it has rectified units and dropout (Srivastava et al. 2014).

    layer        output   parameters
    linear          800      628,000
    linear           10        8,010
                             636,010
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.contracts import part_of

SUMMARY = "2-layer network, fully connected"


@dataclass(frozen=True)
class Config:
    """Usual values; docs/search has their validation errors."""

    n_hidden: int = 800
    dropout_in: float = 0.2  # fraction of the pixels that is dropped
    dropout: float = 0.5  # fraction of the hidden units that is dropped
    epochs: int = 20
    learning_rate: float = 2e-3  # peak of the cycle


PRESETS = {"full": Config(), "quick": Config(epochs=4)}

SEARCH = (
    {"epochs": 30},
    {"dropout_in": 0.0},
    {"learning_rate": 1e-3},
    {"n_hidden": 1200},
)


def build(config: Config, seed: int) -> NetworkClassifier:
    def network(height: int, width: int, n_classes: int, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(),  # (n, c, h, w) -> (n, c h w)
            nn.Dropout(config.dropout_in),
            nn.Linear(channels * height * width, config.n_hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.n_hidden, n_classes),  # logits (n, C)
        )

    recipe = part_of(config, Recipe)
    return NetworkClassifier(network, recipe, seed)
