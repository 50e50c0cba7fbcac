"""A residual network with shortcuts (`residual`), for digits, objects and photographs.

Digits are distorted in every epoch. Small objects are moved by up to 4 pixels and
mirrored; the prediction is the mean over both mirror images. Photographs are squashed
to squares, of which every epoch sees random crops in random light; the prediction for a
photograph is the mean over ten crops and two views of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.residual import residual_network
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.crops import Crops, PaddedCrops
from visbase.cnn.training.trainer import Recipe
from visbase.cnn.training.views import (
    CropsAndWhole,
    Middle,
    Views,
    alone,
    mirrored_views,
    shifted_views,
)
from visbase.pipeline.contracts import part_of
from visbase.pipeline.errors import BadInput

SUMMARY = "residual network, augmented images"
PACE = (190, 30)  # ms per training and per test photograph, two cores


@dataclass(frozen=True)
class Config:
    """Usual values; docs/search/mnist/resnet.csv has their validation error."""

    depth: int = 14  # layers with weights, 6 n + 2
    width: int = 24  # channels of the first stage
    first_stride: int = 2  # 1 for small objects, see `residual_network`
    epochs: int = 12
    optimiser: str = "adamw"
    schedule: str = "one_cycle"
    learning_rate: float = 4e-3  # peak of the cycle, or the initial rate
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    balanced: bool = False  # whether small classes weigh as much as large ones
    bfloat16: bool = True  # train in bfloat16 if the device multiplies it
    rotation: float = 0.2  # largest, radians
    scale: float = 0.1  # largest change of width and of height
    shear: float = 0.15  # largest, radians
    shift_px: float = 1.5  # largest
    elastic_px: float = 0.0  # root mean square displacement
    flip: bool = False  # mirror half of the images; wrong for digits
    average_views: bool = True  # average over a digit and its 1 px shifts
    padding_px: int = 0  # largest move of a mirrored object; 0 distorts images instead
    n_stages: int = 3  # 4 for photographs
    epochs_for: int = 0  # training images that `epochs` is for; 0 for any number
    batch_size: int = 128
    square_px: int = 112  # side of the squares that the crops are from
    crop_px: int = 0  # side of the crops to train on; 0 distorts images instead
    smallest_crop: float = 0.35  # fraction of the area
    light: float = 0.3  # largest change of contrast, saturation and brightness


PRESETS = {"full": Config(), "quick": Config(depth=8, width=16, epochs=3)}

# layers, moves and schedule of He et al. 2016 (section 4.2), who have 164 epochs
_OBJECTS = Config(
    depth=20,
    width=16,
    first_stride=1,
    epochs=75,
    epochs_for=50_000,
    optimiser="sgd",
    schedule="two_steps",
    learning_rate=0.1,
    weight_decay=1e-4,
    label_smoothing=0.0,
    padding_px=4,
)
OBJECTS = {"full": _OBJECTS, "quick": replace(_OBJECTS, depth=8, epochs=3)}

# the network for digits, which trains 20 times as fast; not searched
FASHION_MNIST = {
    "full": Config(epochs=24, padding_px=2),
    "quick": replace(PRESETS["quick"], padding_px=2),
}

# chosen on held-out photographs, see docs/tried.md
_PHOTOGRAPHS = Config(
    depth=10,
    width=32,
    n_stages=4,
    epochs=60,
    epochs_for=3400,
    batch_size=64,
    weight_decay=0.05,
    label_smoothing=0.1,
    crop_px=96,
)
PHOTOGRAPHS = {
    "full": _PHOTOGRAPHS,
    "quick": replace(_PHOTOGRAPHS, epochs=12, square_px=75, crop_px=64),
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
            config.depth,
            config.width,
            shortcut,
            n_classes,
            channels,
            config.n_stages,
            config.first_stride,
        )

    if config.crop_px > config.square_px:
        raise BadInput(
            f"crop_px={config.crop_px}: expected at most square_px, {config.square_px}"
        )
    recipe = part_of(config, Recipe)
    if config.crop_px:
        crops, px = part_of(config, Crops), config.crop_px
        views: Views = CropsAndWhole(px) if config.average_views else Middle(px)
        return NetworkClassifier(
            make_network, recipe, seed, crops, views, config.square_px
        )
    if config.padding_px:
        moves = PaddedCrops(config.padding_px)
        views = mirrored_views if config.average_views else alone
        return NetworkClassifier(make_network, recipe, seed, moves, views)
    distortion = part_of(config, Distortion)
    shifted = shifted_views if config.average_views else alone
    return NetworkClassifier(make_network, recipe, seed, distortion, shifted)
