"""A residual network with identity shortcuts for small grey images (`residual`)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.residual import residual_network
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.trainer import Recipe
from visbase.cnn.training.views import alone, shifted_views
from visbase.pipeline.contracts import part_of

SUMMARY = "residual network, distorted digits"


@dataclass(frozen=True)
class Config:
    """Usual values; docs/search/mnist/resnet.csv has their validation error."""

    depth: int = 14  # layers with weights, 6 n + 2
    width: int = 24  # channels of the first stage
    epochs: int = 12
    learning_rate: float = 4e-3  # peak of the cycle
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    bfloat16: bool = True  # train in bfloat16 if the device multiplies it
    rotation: float = 0.2  # largest, radians
    scale: float = 0.1  # largest change of width and of height
    shear: float = 0.15  # largest, radians
    shift_px: float = 1.5  # largest
    elastic_px: float = 0.0  # root mean square displacement
    flip: bool = False  # mirror half of the images; wrong for digits
    average_views: bool = True  # average over the image and its 1 px shifts


PRESETS = {"full": Config(), "quick": Config(depth=8, width=16, epochs=3)}

# usual values, not searched
PHOTOGRAPHS = {
    "full": Config(epochs=60, shift_px=6.0, flip=True),
    "quick": Config(depth=8, width=16, epochs=5, shift_px=6.0, flip=True),
}

SEARCH = ({"average_views": False},)


def build(config: Config, seed: int) -> NetworkClassifier:
    return classifier(config, seed, shortcut=True)


def classifier(config: Config, seed: int, shortcut: bool) -> NetworkClassifier:
    """A classifier with these settings, with shortcuts or without (`plain`)."""

    def make_network(
        _height: int, _width: int, n_classes: int, channels: int
    ) -> nn.Module:
        return residual_network(
            config.depth, config.width, shortcut, n_classes, channels
        )

    recipe = part_of(config, Recipe)
    augment = part_of(config, Distortion)
    views = shifted_views if config.average_views else alone
    return NetworkClassifier(make_network, recipe, seed, augment, views)
