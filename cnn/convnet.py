"""A larger convolutional network, in the place of the lecture's "larger CNN".

Pairs of 3 x 3 convolutions between poolings (Simonyan & Zisserman 2015), batch
normalisation after each convolution (Ioffe & Szegedy 2015), digits with new random
distortions in every epoch (Ciresan et al. 2011).

    layer                            output            parameters (width 32)
    2 convolutions 3 x 3             width x 24 x 24     9,504
    max pooling 2 x 2                width x 12 x 12
    2 convolutions 3 x 3           2 width x 12 x 12    55,296
    max pooling 2 x 2              2 width x  6 x  6
    2 convolutions 3 x 3           4 width x  6 x  6   221,184
    max pooling 2 x 2              4 width x  3 x  3
    linear                        10                    11,530
    scales and shifts of the norms                         896
                                                       298,410

The first pair has no padding: the border of a digit is empty, and 24 can be halved
three times. Pooling comes before normalisation, which then processes a quarter of the
values. Together they halve the time of an epoch: 0.54 of it remains with width 32, 0.48
with width 16 (2 cores).

Small objects have a faster network instead (`whitened`), which Config.whitened chooses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.crops import PaddedCrops
from visbase.cnn.training.trainer import Recipe
from visbase.cnn.training.views import (
    alone,
    mirrored_and_shifted_views,
    mirrored_views,
    shifted_views,
)
from visbase.cnn.whitened import whitened_network
from visbase.pipeline.contracts import part_of

SUMMARY = "convolutional network of 6 layers, augmented images"


@dataclass(frozen=True)
class Config:
    """Width, epochs and views chosen on held-out images (docs/search), rest usual."""

    width: int = 32  # channels of the first pair
    dropout: float = 0.2  # fraction of the last layer's inputs that is dropped
    epochs: int = 11
    epochs_for: int = 0  # training images that `epochs` is for; 0 for any number
    batch_size: int = 128
    optimiser: str = "adamw"
    learning_rate: float = 6e-3  # peak of the cycle
    warm_up: float = 0.2  # fraction of the steps in which the rate rises
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    bfloat16: bool = True  # train in bfloat16 if the device multiplies it
    rotation: float = 0.17  # largest, radians
    scale: float = 0.1  # largest change of width and of height
    shear: float = 0.15  # largest, radians
    shift_px: float = 1.5  # largest
    elastic_px: float = 0.0  # root mean square displacement
    average_views: bool = True  # average over the image and its 1 px shifts
    padding_px: int = 0  # largest move of a mirrored object; 0 distorts images instead
    whitened: bool = False  # the network for small objects instead


PRESETS = {"full": Config(), "quick": Config(width=16, epochs=2)}

# after Jordan 2024, not searched; dropout has no place in that network
_OBJECTS = Config(
    whitened=True,
    width=64,
    dropout=0.0,
    epochs=20,
    epochs_for=50_000,
    batch_size=1024,
    optimiser="nesterov",
    learning_rate=1.5,
    warm_up=0.23,
    weight_decay=1.3e-3,
    label_smoothing=0.2,
    padding_px=2,
)
OBJECTS = {
    "full": _OBJECTS,
    "quick": replace(
        _OBJECTS, width=16, epochs=3, epochs_for=0, batch_size=256, learning_rate=0.4
    ),
}

# the network for digits, which trains faster; not searched
FASHION_MNIST = {
    "full": Config(epochs=22, padding_px=2),
    "quick": replace(PRESETS["quick"], padding_px=2),
}

NARROW = {"width": 16, "epochs": 30}  # trains about as long; the search began here

SEARCH = (
    NARROW,
    NARROW | {"average_views": False},
    NARROW | {"batch_size": 64},
    NARROW | {"rotation": 0.2, "scale": 0.12, "shear": 0.2, "shift_px": 2.0},
)


def candidates(n_train: int, config: Config) -> tuple[dict[str, float], ...]:
    """Settings that a learning curve chooses among; more epochs for fewer images."""
    if config.epochs_for:  # the recipe itself trains for more epochs
        return ({},)
    epochs = round(config.epochs * (60_000 / n_train) ** 0.3)
    return ({"epochs": epochs}, {"epochs": epochs, "learning_rate": 2e-3})


def network(
    height: int, width: int, n_classes: int, config: Config, channels: int = 1
) -> nn.Module:
    """A network (n, c, h, w) -> logits (n, C) for images of at least 12 x 12 pixels."""
    layers: list[nn.Module] = []
    for level in range(3):
        for last in (False, True):
            padding = 1 if level else 0
            maps = config.width << level
            layers.append(nn.Conv2d(channels, maps, 3, padding=padding, bias=False))
            if last:
                layers.append(nn.MaxPool2d(2))
            layers += [nn.BatchNorm2d(maps), nn.ReLU()]
            channels = maps
    n_inputs = channels * ((height - 4) // 8) * ((width - 4) // 8)
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Dropout(config.dropout),
        nn.Linear(n_inputs, n_classes),
    )


def build(config: Config, seed: int) -> NetworkClassifier:
    def make_network(
        height: int, width: int, n_classes: int, channels: int
    ) -> nn.Module:
        if config.whitened:
            return whitened_network(config.width, n_classes, channels)
        return network(height, width, n_classes, config, channels)

    recipe = part_of(config, Recipe)
    if config.padding_px:
        moves = PaddedCrops(config.padding_px)
        views = mirrored_and_shifted_views if config.whitened else mirrored_views
        views = views if config.average_views else alone
        return NetworkClassifier(make_network, recipe, seed, moves, views)
    augment = part_of(config, Distortion)
    shifted = shifted_views if config.average_views else alone
    return NetworkClassifier(make_network, recipe, seed, augment, shifted)
