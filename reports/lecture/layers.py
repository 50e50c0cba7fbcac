"""Layers of convolutional networks, one at a time, on one image: what they compute,
the shape of their output, their parameters and their receptive field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def convolve(image: FloatArray, kernel: FloatArray) -> FloatArray:
    """(x * k)_ij = sum_pq x_(i+p, j+q) k_pq, the lecture's formula, without padding.

    image (h, w), kernel (p, q) -> (h - p + 1, w - q + 1). The kernel is not flipped:
    what the field calls convolution is a correlation.
    """
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijpq,pq->ij", windows, kernel)


def sigmoid(values: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-values))


def zero_pad(image: FloatArray, margin: int) -> FloatArray:
    """(h, w) -> (h + 2 margin, w + 2 margin), zeros around."""
    return np.pad(image, margin)


def max_pool(image: FloatArray, size: int) -> FloatArray:
    """Largest value of each size x size square, (h, w) -> (h / size, w / size)."""
    height, width = (side // size * size for side in image.shape)
    squares = image[:height, :width].reshape(height // size, size, width // size, size)
    return squares.max(axis=(1, 3))


@dataclass(frozen=True)
class Layer:
    """One layer of a network that is described, not built.

    kind: "conv", "pool" or "linear"; maps: output channels or units; kernel, stride and
    padding in pixels; groups: parts of the maps that do not see each other.
    """

    kind: str
    maps: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    groups: int = 1


@dataclass(frozen=True)
class Traced:
    """A layer at its place: output (maps, side, side), weights, biases, field in px.

    field_px: side of the square of input pixels that one output sees.
    """

    layer: Layer
    shape: tuple[int, int, int]
    n_weights: int
    n_biases: int
    field_px: int


def trace(layers: Sequence[Layer], maps: int, side: int) -> list[Traced]:
    """Follow an image of (maps, side, side) through the layers.

    The receptive field grows by (kernel - 1) times the distance of neighbouring
    outputs in the input (Araujo et al. 2019, eq. 2).
    """
    found = []
    image_side = side
    field, step = 1, 1
    for layer in layers:
        n_weights = n_biases = 0
        if layer.kind == "linear":
            n_weights, n_biases = maps * side * side * layer.maps, layer.maps
            maps, side, field = layer.maps, 1, image_side
        else:
            field += (layer.kernel - 1) * step
            step *= layer.stride
            side = (side + 2 * layer.padding - layer.kernel) // layer.stride + 1
            if layer.kind == "conv":
                inputs = maps // layer.groups
                n_weights, n_biases = layer.kernel**2 * inputs * layer.maps, layer.maps
                maps = layer.maps
        found.append(Traced(layer, (maps, side, side), n_weights, n_biases, field))
    return found


POOL = Layer("pool", kernel=2, stride=2)

LENET5 = (
    Layer("conv", 6, 5),
    POOL,
    Layer("conv", 16, 5),
    POOL,
    Layer("linear", 120),
    Layer("linear", 84),
    Layer("linear", 10),
)

# Krizhevsky et al. 2012, section 3.5; two halves that meet in the third layer. The
# paper prints an input of 224 pixels, whose arithmetic needs 227.
ALEXNET = (
    Layer("conv", 96, 11, 4),
    Layer("pool", kernel=3, stride=2),
    Layer("conv", 256, 5, padding=2, groups=2),
    Layer("pool", kernel=3, stride=2),
    Layer("conv", 384, 3, padding=1),
    Layer("conv", 384, 3, padding=1, groups=2),
    Layer("conv", 256, 3, padding=1, groups=2),
    Layer("pool", kernel=3, stride=2),
    Layer("linear", 4096),
    Layer("linear", 4096),
    Layer("linear", 1000),
)


def _vgg() -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for maps, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [Layer("conv", maps, 3, padding=1)] * count + [POOL]
    return (*layers, *(Layer("linear", units) for units in (4096, 4096, 1000)))


VGG16 = _vgg()


def mean_with_dropout(
    value: float, keep: float, rng: np.random.Generator, draws: int
) -> float:
    """Mean output of a unit that is kept with probability `keep`, over many draws."""
    return float((rng.random(draws) < keep).mean() * value)
