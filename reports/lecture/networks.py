"""Shapes, parameters, memory and receptive fields of the lecture's networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visbase.pipeline.evaluation import receptive_fields
from visbase.reports.lecture.convolution import Step


@dataclass(frozen=True)
class Layer:
    """The description of one layer.

    kind: "conv", "pool" or "linear"; maps: output channels or units; kernel, stride and
    padding in pixels; groups: number of groups of maps that do not read each other.
    """

    kind: str
    maps: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    groups: int = 1


@dataclass(frozen=True)
class Traced:
    """A layer in its network.

    shape: (maps, side, side) of the output; field_px: side of the square of input
    pixels that one output depends on.
    """

    layer: Layer
    shape: tuple[int, int, int]
    n_weights: int
    n_biases: int
    field_px: int


def trace(layers: Sequence[Layer], maps: int, side: int) -> list[Traced]:
    """Follow an image (maps, side, side) through the layers.

    The receptive field of a fully connected layer is the whole image.
    """
    traced = []
    image_side = side
    windows = [(layer.kernel, layer.stride) for layer in layers]
    fields = [field_px for field_px, _ in receptive_fields(windows)]
    for layer, field_px in zip(layers, fields, strict=True):
        n_weights = n_biases = 0
        if layer.kind == "linear":
            n_weights, n_biases = maps * side * side * layer.maps, layer.maps
            maps, side, field_px = layer.maps, 1, image_side
        else:
            side = (side + 2 * layer.padding - layer.kernel) // layer.stride + 1
            if layer.kind == "conv":
                inputs = maps // layer.groups
                n_weights, n_biases = layer.kernel**2 * inputs * layer.maps, layer.maps
                maps = layer.maps
        shape = (maps, side, side)
        traced.append(Traced(layer, shape, n_weights, n_biases, field_px))
    return traced


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
# paper says 224 pixels, but its arithmetic needs 227.
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


# The lecture's table of VGG below the input line: memory as printed, weights.
VGG_LECTURE = (
    ("3.2M", 1_728),
    ("3.2M", 36_864),
    ("800K", 0),
    ("1.6M", 73_728),
    ("1.6M", 147_456),
    ("400K", 0),
    ("800K", 294_912),
    ("800K", 589_824),
    ("800K", 589_824),
    ("200K", 0),
    ("400K", 1_179_648),
    ("400K", 2_359_296),
    ("400K", 2_359_296),
    ("100K", 0),
    ("100K", 2_359_296),
    ("100K", 2_359_296),
    ("100K", 2_359_296),
    ("25K", 0),
    ("4096", 102_760_448),
    ("4096", 16_777_216),
    ("1000", 4_096_000),
)


def lenet5() -> list[Step]:
    """Compute the shapes and parameters of the lecture's LeNet-5."""
    lenet = trace(LENET5, 1, 32)
    printed = ("6 x 28 x 28", "6 x 14 x 14", "16 x 10 x 10", "16 x 5 x 5")
    names = ("convolution 1", "pooling 1", "convolution 2", "pooling 2")
    shapes = [" x ".join(map(str, layer.shape)) for layer in lenet]
    steps = [
        Step("LeNet-5", f"output of {name}", ours, theirs, ours == theirs)
        for name, ours, theirs in zip(names, shapes, printed, strict=False)
    ]
    total = int(np.prod(lenet[3].shape))
    units = " => ".join(str(layer.shape[0]) for layer in lenet[4:])
    n_parameters = sum(layer.n_weights + layer.n_biases for layer in lenet)
    return [
        *steps,
        Step("LeNet-5", "values after pooling 2", str(total), "400", total == 400),
        Step(
            "LeNet-5",
            "fully connected layers",
            units,
            "120 => 84 => 10",
            units == "120 => 84 => 10",
        ),
        Step(
            "LeNet-5",
            "parameters",
            f"{n_parameters:,}",
            "not given",
            n_parameters == 61_706,
            "LeCun's original network has fewer: most maps of its second convolution "
            "read only some of the six maps before it.",
        ),
    ]


def parameter_counts() -> list[Step]:
    """Count fully connected and shared weights, and AlexNet's parameters."""
    dense = (224 * 224 * 3) * (224 * 224 * 64)
    shared = 10 * 10 * 100
    alexnet = sum(t.n_weights + t.n_biases for t in trace(ALEXNET, 3, 227))
    return [
        Step(
            "parameters",
            "VGG's first layer if it were fully connected",
            f"{dense:,}",
            "483 billion",
            round(dense / 1e9) == 483,
        ),
        Step(
            "parameters",
            "the same layer as a convolution",
            f"{trace(VGG16, 3, 224)[0].n_weights:,}",
            "1,728",
            trace(VGG16, 3, 224)[0].n_weights == 1728,
        ),
        Step(
            "parameters",
            "100 kernels of 10 x 10 on a 200 x 200 image",
            f"{shared:,}",
            "10K",
            shared == 10_000,
        ),
        Step(
            "parameters",
            "AlexNet",
            f"{alexnet:,}",
            "about 60 million",
            58e6 < alexnet < 62e6,
            "With two groups of maps as in the paper (section 3.5), including biases.",
        ),
    ]


def vgg_table() -> list[Step]:
    """Compute the lecture's table of VGG, one step per line: output values, weights."""
    steps = [
        Step(
            "VGG",
            "memory of the 3 x 224 x 224 input",
            f"{3 * 224 * 224:,}",
            "150K",
            _near(3 * 224 * 224, "150K"),
            "The lecture rounds memory to two digits.",
        )
    ]
    for traced, (memory, weights) in zip(
        trace(VGG16, 3, 224), VGG_LECTURE, strict=True
    ):
        count = int(np.prod(traced.shape))
        name = {"conv": "CONV3", "pool": "POOL2", "linear": "FC"}[traced.layer.kind]
        maps, side, _ = traced.shape
        rounded = _near(count, memory)
        same = traced.n_weights == weights
        steps.append(
            Step(
                "VGG",
                f"{name} [{side}x{side}x{maps}]: memory, weights",
                f"{count:,}; {traced.n_weights:,}",
                f"{memory}; {weights:,}",
                rounded and same,
            )
        )
    total = sum(t.n_weights for t in trace(VGG16, 3, 224))
    steps.append(
        Step(
            "VGG",
            "total number of weights",
            f"{total:,}",
            "not given",
            total == sum(weights for _, weights in VGG_LECTURE),
            "The sum of the lecture's column, without biases.",
        )
    )
    return steps


def field_sizes() -> list[Step]:
    """Compute receptive fields, as side lengths in pixels, layer by layer."""
    steps = []
    for name, layers, maps, side in (
        ("LeNet-5", LENET5, 1, 32),
        ("VGG", VGG16, 3, 224),
    ):
        fields = [t.field_px for t in trace(layers, maps, side)]
        kernels = [t.layer.kind for t in trace(layers, maps, side)]
        local = [f for f, k in zip(fields, kernels, strict=True) if k != "linear"]
        grows = fields == sorted(fields)
        steps.append(
            Step(
                "receptive field",
                f"{name}: side in pixels, per convolution and pooling",
                ", ".join(map(str, local)),
                "small in the first layer, much larger in higher layers",
                grows,
                "The lecture gives no number.",
            )
        )
    return steps


def _near(count: int, printed: str) -> bool:
    """Whether a printed number such as 3.2M or 800K is the count in two digits."""
    scale = {"M": 10**6, "K": 10**3}.get(printed[-1])
    if scale is None:
        return count == int(printed)
    rounded = float(f"{count:.1e}")
    return bool(np.isclose(rounded, float(printed[:-1]) * scale))
