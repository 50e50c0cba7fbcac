"""Three convolutions and two hidden layers, as in the lecture's dropout table.

The network of Srivastava et al. 2014 (section 6.1.2), with fewer maps and units: 5 x 5
convolutions, each pooled by 3 x 3 windows with stride 2. The rows have no augmentation
and one recipe: they differ only in what they name.

    layer                        output (32 x 32 pixels)    parameters
    convolution 5 x 5             64 x 32 x 32                   4,864
    pooling 3 x 3, stride 2       64 x 16 x 16
    convolution 5 x 5             64 x 16 x 16                 102,464
    pooling 3 x 3, stride 2       64 x  8 x  8
    convolution 5 x 5            128 x  8 x  8                 204,928
    pooling 3 x 3, stride 2      128 x  4 x  4
    linear                      1024                         2,098,176
    linear                      1024                         1,049,600
    linear                        10                            10,250
                                                             3,470,282

Images are standardised by channel; the published rows whiten them. `Dropout` divides
what it keeps by the probability of keeping it, so that the expected output, which the
lecture takes at test time by scaling the weights, is that of the whole network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.dropout.layers import (
    Constrained,
    Dropout,
    Maxout,
    StochasticPool2d,
)
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.contracts import part_of
from visbase.pipeline.errors import BadInput

SUMMARY = "convolutional network, max pooling"
FOR = ("objects",)


@dataclass(frozen=True)
class Config:
    """Usual values, not searched. Every tuple has a value per layer."""

    maps: tuple[int, ...] = (64, 64, 128)
    kernel_px: tuple[int, ...] = (5, 5, 5)
    pool_px: tuple[int, ...] = (3, 3, 3)  # side of the windows; their stride is 2
    units: tuple[int, ...] = (1024, 1024)  # of the hidden layers
    pooling: str = "max"  # or stochastic
    pieces: int = 1  # linear pieces of a map; 1: rectified, from 2 on maxout
    unit_pieces: int = 1  # the same of a hidden unit
    input_dropout: float = 0.0  # fraction of the pixels that is dropped
    map_dropout: tuple[float, ...] = (0.0, 0.0, 0.0)  # of the pooled maps
    unit_dropout: float = 0.0  # of the hidden units
    max_norm: float = 4.0  # of a unit's weights; 0 for no limit
    response_px: int = 0  # maps that a response is normalised over; 0 for none
    response_scale: float = 5e-5
    response_power: float = 0.75
    weight_costs: tuple[float, ...] = ()  # of single layers, beside weight_decay
    epochs: int = 50
    batch_size: int = 128
    optimiser: str = "sgd"
    learning_rate: float = 0.03  # peak of the cycle
    weight_decay: float = 5e-4
    bfloat16: bool = True  # train in bfloat16 if the device multiplies it


def presets(config: Any) -> dict[str, Any]:
    """The presets of a row with this full Config."""
    units = tuple(256 for _ in config.units)
    return {
        "full": config,
        "quick": replace(config, maps=(32, 32, 64), units=units, epochs=8),
    }


PRESETS = presets(Config())


def network(
    height: int, width: int, n_classes: int, channels: int, config: Config
) -> nn.Sequential:
    """A network (n, channels, h, w) -> logits (n, n_classes).

    Raises BadInput if the settings of layers are not one per layer.
    """
    _check(config)
    layers: list[nn.Module] = [Dropout(config.input_dropout)]
    sides = [height, width]
    for level, maps in enumerate(config.maps):
        kernel, pool = config.kernel_px[level], config.pool_px[level]
        layers.append(
            nn.Conv2d(channels, maps * config.pieces, kernel, padding=kernel // 2)
        )
        if config.pooling == "stochastic":
            layers.append(StochasticPool2d(pool))
        else:  # pooling first leaves a quarter of the activations, and the same maps
            layers += [nn.MaxPool2d(pool, 2, (pool - 1) // 2), _unit(config.pieces)]
        if config.response_px and level < 2:  # after the first two, as cuda-convnet
            normalise = nn.LocalResponseNorm(
                config.response_px, config.response_scale, config.response_power
            )
            layers.append(normalise)
        layers.append(Dropout(config.map_dropout[level]))
        # an even kernel adds a pixel; the windows of the pooling reach over the border
        sides = [
            (side + (kernel % 2 == 0) + 2 * ((pool - 1) // 2) - pool) // 2 + 1
            for side in sides
        ]
        channels = maps
    layers.append(nn.Flatten())
    n_inputs = channels * sides[0] * sides[1]
    for units in config.units:
        layers += [
            nn.Linear(n_inputs, units * config.unit_pieces),
            _unit(config.unit_pieces),
            Dropout(config.unit_dropout),
        ]
        n_inputs = units
    layers.append(nn.Linear(n_inputs, n_classes))
    return Constrained(layers, config.max_norm, config.weight_costs)


def _unit(pieces: int) -> nn.Module:
    return Maxout(pieces) if pieces > 1 else nn.ReLU()


def _check(config: Config) -> None:
    n = len(config.maps)
    lengths = {"kernel_px": n, "pool_px": n, "map_dropout": n}
    if config.weight_costs:
        lengths["weight_costs"] = n + len(config.units) + 1
    for name, length in lengths.items():
        values = getattr(config, name)
        if len(values) != length:
            raise BadInput(f"{name}={values}: expected {length} values, one per layer")
    dropped = config.input_dropout, *config.map_dropout, config.unit_dropout
    if not all(0 <= fraction < 1 for fraction in dropped):
        raise BadInput(f"dropout of {dropped}: expected fractions from 0 to below 1")
    if config.pooling not in ("max", "stochastic"):
        raise BadInput(f"pooling={config.pooling}: expected max or stochastic")
    if config.pooling == "stochastic" and config.pieces > 1:
        raise BadInput("pooling=stochastic: maxout has no probabilities; use max")


def build(config: Config, seed: int) -> NetworkClassifier:
    def make_network(
        height: int, width: int, n_classes: int, channels: int
    ) -> nn.Module:
        return network(height, width, n_classes, channels, config)

    return NetworkClassifier(make_network, part_of(config, Recipe), seed)
