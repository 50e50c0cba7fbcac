"""The larger convolutional network: one net that stands for the lecture's "larger CNN".

Pairs of 3 x 3 convolutions between poolings (Simonyan & Zisserman 2015), batch
normalisation after each (Ioffe & Szegedy 2015), digits distorted anew in every epoch
as in Ciresan et al. 2011.

    layer                            output            parameters (width 32)
    2 convolutions 3 x 3             width x 28 x 28     9,504
    max pooling 2 x 2                width x 14 x 14
    2 convolutions 3 x 3           2 width x 14 x 14    55,296
    max pooling 2 x 2              2 width x  7 x  7
    2 convolutions 3 x 3           4 width x  7 x  7   221,184
    max pooling 2 x 2              4 width x  3 x  3
    linear                        10                    11,530
    scales and shifts of the norms                         896
                                                       298,410
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from cnn.augment import Distortion
from cnn.classifier import NetworkClassifier
from cnn.trainer import Recipe

SUMMARY = "convolutional network of 6 layers, distorted digits"


@dataclass(frozen=True)
class Config:
    """Customary values; docs/search has how they validate."""

    width: int = 32  # channels of the first pair
    dropout: float = 0.2  # part of the inputs of the last layer that is dropped
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 6e-3  # the peak of the cycle
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    bfloat16: bool = True  # train in half the width where the device can
    rotation: float = 0.17  # largest, radians
    scale: float = 0.1  # largest change of width and of height
    shear: float = 0.15  # largest, radians
    shift_px: float = 1.5  # largest
    elastic_px: float = 0.0  # root mean square displacement
    average_views: bool = True  # answer for an image and its shifts by a pixel


PRESETS = {"full": Config(), "quick": Config(width=16, epochs=2)}

SEARCH = (
    {"average_views": False},
    {"rotation": 0.2, "scale": 0.12, "shear": 0.2, "shift_px": 2.0},
    {"batch_size": 64},
    {"bfloat16": False},
    {"elastic_px": 0.6},
    {"width": 16, "epochs": 40},
    {"label_smoothing": 0.0},
)


def network(height: int, width: int, n_classes: int, config: Config) -> nn.Module:
    """(n, 1, h, w) -> logits (n, C), for images from 8 x 8 pixels on."""
    layers: list[nn.Module] = []
    channels = 1
    for level in range(3):
        for _ in range(2):
            layers += [
                nn.Conv2d(channels, config.width << level, 3, padding=1, bias=False),
                nn.BatchNorm2d(config.width << level),
                nn.ReLU(),
            ]
            channels = config.width << level
        layers.append(nn.MaxPool2d(2))
    n_inputs = channels * (height // 8) * (width // 8)
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Dropout(config.dropout),
        nn.Linear(n_inputs, n_classes),
    )


def build(config: Config, seed: int) -> NetworkClassifier:
    def make_network(height: int, width: int, n_classes: int) -> nn.Module:
        return network(height, width, n_classes, config)

    recipe = Recipe(
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        label_smoothing=config.label_smoothing,
        bfloat16=config.bfloat16,
    )
    augment = Distortion(
        config.rotation,
        config.scale,
        config.shear,
        config.shift_px,
        config.elastic_px,
    )
    views = config.average_views
    return NetworkClassifier(make_network, recipe, seed, augment, views)
