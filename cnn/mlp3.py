"""Three weight layers, fully connected, on distorted digits: 784 - 300 - 100 - 10.

LeCun's 300-100 network: 3.05 % test error without and 2.5 % with distorted digits, the
lecture's "3-layer NN, ~2.5 %". Every epoch sees new random distortions of the digits;
small objects are mirrored and moved instead.

    layer        output   parameters
    linear          300      235,500
    linear          100       30,100
    linear           10        1,010
                             266,610
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.crops import PaddedCrops
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.contracts import part_of

SUMMARY = "3-layer network, fully connected; augmented images"


@dataclass(frozen=True)
class Config:
    """Usual values; docs/search has their validation errors."""

    n_hidden1: int = 300
    n_hidden2: int = 100
    epochs: int = 30
    learning_rate: float = 2e-3  # peak of the cycle
    rotation: float = 0.2  # largest, radians
    scale: float = 0.1  # largest change of width and of height
    shear: float = 0.15  # largest, radians
    shift_px: float = 1.2  # largest
    padding_px: int = 0  # largest move of a mirrored object; 0 distorts images instead


PRESETS = {"full": Config(), "quick": Config(epochs=6)}

# not searched
OBJECTS = {name: replace(config, padding_px=2) for name, config in PRESETS.items()}

# chosen on held-out images: docs/search/fashion_mnist/mlp3.csv
FASHION_MNIST = OBJECTS | {"full": replace(OBJECTS["full"], epochs=60)}

SEARCH = ({"epochs": 60}, {"learning_rate": 4e-3}, {"learning_rate": 1e-3})


def build(config: Config, seed: int) -> NetworkClassifier:
    def network(height: int, width: int, n_classes: int, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(),  # (n, c, h, w) -> (n, c h w)
            nn.Linear(channels * height * width, config.n_hidden1),
            nn.ReLU(),
            nn.Linear(config.n_hidden1, config.n_hidden2),
            nn.ReLU(),
            nn.Linear(config.n_hidden2, n_classes),  # logits (n, C)
        )

    augment = (
        PaddedCrops(config.padding_px)
        if config.padding_px
        else part_of(config, Distortion)
    )
    recipe = part_of(config, Recipe)
    return NetworkClassifier(network, recipe, seed, augment)
