"""The lecture's page of VGG for any network: a line per layer, in order of execution.

    CONV3-64: [224x224x64]  memory: 224*224*64 = 3,211,264  weights: (3*3*3)*64 = 1,728

memory: values of the output for one image; weights: without intercepts; sees: side in
pixels of the part of the image that an output depends on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from visbase.cnn.imagenet import find_networks
from visbase.cnn.inspection.layers import Layer
from visbase.cnn.inspection.tables import (
    IMAGES,
    imagenet_network,
    network_of,
    other_parameters,
)
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.models.methods import find_methods

KINDS = {
    "Conv2d": "CONV",
    "MaxPool2d": "POOL",
    "AvgPool2d": "MEAN",
    "StochasticPool2d": "POOL",
    "AdaptiveAvgPool2d": "MEAN",
    "AdaptiveMaxPool2d": "POOL",
    "Linear": "FC",
}


def listing(name: str) -> list[str]:
    """Describe a network by lines: its layers, then the sums; BadInput if unknown.

    Of a method for digits, or else for small objects, it is that of the full preset.
    """
    methods = {
        method.name: method
        for method in find_methods().values()
        if method.family == "network" and not IMAGES.keys().isdisjoint(method.kinds)
    }
    n_networks = 1
    image: tuple[int, ...]
    if name in methods:
        kind = next(kind for kind in IMAGES if kind in methods[name].kinds)
        network, layers, n_networks = network_of(methods[name], kind)
        image = IMAGES[kind]
    elif name in (entries := find_networks()):
        network, layers = imagenet_network(entries[name])
        image = (3, entries[name].side_px, entries[name].side_px)
    else:
        raise BadInput(
            f"unknown network {printable(name)!r}; choose from: "
            f"{', '.join([*entries, *methods])}"
        )
    previous: tuple[int, ...] = image
    rows: list[tuple[str, tuple[int, ...], str, Layer | None]]
    rows = [("INPUT", image, "0", None)]
    for layer in layers:
        rows.append((_kind(layer), layer.shape, _weights(layer, previous), layer))
        previous = layer.shape
    lines = [_line(*row) for row in rows]
    n_values = sum(math.prod(shape) for _, shape, *_ in rows)
    n_weights = sum(layer.n_weights for layer in layers)
    n_parameters = sum(p.numel() for p in network.parameters())
    others, n_others = other_parameters(network, layers)
    n_intercepts = n_parameters - n_weights - n_others
    parts = [f"{n_weights:,} weights", f"{n_intercepts:,} intercepts"]
    parts += [f"{n_others:,} in {others}"] if n_others else []
    return [
        *lines,
        f"memory: {n_values:,} values, {_bytes(4 * n_values)} as float32",
        f"parameters: {n_parameters:,} ({', '.join(parts)})",
        f"multiply-adds: {sum(layer.multiply_adds for layer in layers):,}",
        *([f"one of {n_networks} such networks"] if n_networks > 1 else []),
    ]


def _bytes(n: int) -> str:
    return f"{n / 1e6:,.1f} MB" if n > 1e6 else f"{n / 1e3:,.1f} kB"


def _line(name: str, shape: Sequence[int], weights: str, layer: Layer | None) -> str:
    sides = _sides(shape)
    product = f"{'*'.join(map(str, sides))} = " if sides[0] > 1 else ""
    memory = f"{product}{math.prod(shape):,}"
    field = "1" if layer is None else str(layer.field_px or "all")
    head = f"{name}: [{'x'.join(map(str, sides))}]"
    return f"{head:<26}memory: {memory:<26}sees: {field:<6}weights: {weights}"


def _kind(layer: Layer) -> str:
    kind = KINDS[layer.name.partition(" ")[0]]
    maps = f"-{layer.shape[0]}" if kind == "CONV" else ""
    return f"{kind}{layer.kernel_px or ''}{maps}"


def _weights(layer: Layer, previous: tuple[int, ...]) -> str:
    """Write the product: kernel and maps of a convolution, inputs and units."""
    if not layer.weight_shape:
        return "0"
    maps, inputs, *kernel = layer.weight_shape
    if kernel:
        product = f"({'*'.join(map(str, (*kernel, inputs)))})*{maps}"
    else:
        map_sides = _sides(previous)
        is_map = map_sides[0] > 1 and math.prod(map_sides) == inputs
        product = f"{'*'.join(map(str, map_sides)) if is_map else inputs}*{maps}"
    return f"{product} = {layer.n_weights:,}"


def _sides(shape: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and maps, 1 x 1 for fully connected layers."""
    maps, height, width = (*shape, 1, 1)[:3]
    return height, width, maps
