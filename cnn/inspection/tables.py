"""Tables of the layers of every network: reports/layers/<dataset>/<network>.csv.

`python -m visbase.cnn.inspection.tables` writes them for the methods on MNIST and for
some of the lecture's networks for ImageNet, all of which have a line in imagenet.csv;
the report and `visbase networks` show them without torch. Run it again when a network
has changed: a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.committee import Committee
from visbase.cnn.imagenet import Network, find_networks
from visbase.cnn.inspection.layers import SHOWN, Layer, trace
from visbase.cnn.residual import Block
from visbase.pipeline.contracts import Kind
from visbase.pipeline.experiments.measured import ImageNetNetwork, NetworkLayer
from visbase.pipeline.models.methods import MethodFile, find_methods
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.tables import write_rows

LAYERS = ROOT / "reports" / "layers"
FOLDER = LAYERS / "mnist"
N_CLASSES = 10
# channels, height and width of MNIST and CIFAR-10
IMAGES: dict[Kind, tuple[int, int, int]] = {
    "digits": (1, 28, 28),
    "objects": (3, 32, 32),
}
IMAGENET_CLASSES = 1000
DRAWN = ("alexnet", "vgg16", "resnet34_a")  # the others have layers side by side
NAMES = {
    "Conv2d": "convolution {0} x {0}",
    "MaxPool2d": "max pooling {0} x {0}",
    "AvgPool2d": "mean of {0} x {0}",
    "AdaptiveAvgPool2d": "mean over all positions",
    "AdaptiveMaxPool2d": "maximum of each cell",
    "Linear": "fully connected",
}


def networks() -> list[MethodFile]:
    """List the methods whose networks are trained on digits, sorted by name."""
    methods = find_methods().values()
    return [m for m in methods if m.family == "network" and "digits" in m.kinds]


def network_of(
    method: MethodFile, kind: Kind = "digits"
) -> tuple[nn.Module, list[Layer], int]:
    """Trace the network of a method's full preset; the last: how many of them it has.

    kind: of images, one of IMAGES. Only shapes: nothing is computed, and the weights
    take no memory.
    """
    model = method.build(method.presets(kind)["full"], seed=0)
    n_networks = len(model.members) if isinstance(model, Committee) else 1
    member = model.members[0][0] if isinstance(model, Committee) else model
    assert isinstance(member, NetworkClassifier)
    with torch.device("meta"):
        channels, height, width = IMAGES[kind]
        network = member.make_network(height, width, N_CLASSES, channels)
        traced = trace(network, torch.zeros(1, channels, height, width))
    return network, [layer for layer, _ in traced], n_networks


def imagenet_network(entry: Network) -> tuple[nn.Module, list[Layer]]:
    """Trace a network for ImageNet, only shapes as well."""
    with torch.device("meta"):
        network = entry.make(IMAGENET_CLASSES)
        traced = trace(network, torch.zeros(1, 3, entry.side_px, entry.side_px))
    return network, [layer for layer, _ in traced]


def layer_rows(method: MethodFile) -> list[NetworkLayer]:
    """Describe the network of a method, from the image to the logits."""
    network, layers, n_networks = network_of(method)
    return _rows(method.name, network, layers, IMAGES["digits"], n_networks)


def imagenet_rows(name: str, entry: Network) -> list[NetworkLayer]:
    """Describe a network for ImageNet, from the image to the logits."""
    network, layers = imagenet_network(entry)
    return _rows(name, network, layers, (3, entry.side_px, entry.side_px), 1)


def imagenet_summary(name: str, entry: Network) -> ImageNetNetwork:
    """Sum a network for ImageNet up."""
    network, layers = imagenet_network(entry)
    n_values = 3 * entry.side_px**2 + sum(math.prod(layer.shape) for layer in layers)
    return ImageNetNetwork(
        network=name,
        year=entry.year,
        n_layers=max(layer.depth for layer in layers),
        n_parameters=sum(p.numel() for p in network.parameters()),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        activation_bytes=4 * n_values,
        field_px=max(layer.field_px or 0 for layer in layers),
        side_px=entry.side_px,
        top1_error_pct=float(entry.top1_pct),
        top5_error_pct=float(entry.top5_pct),
        source=entry.source,
    )


def other_parameters(network: nn.Module, layers: list[Layer]) -> tuple[str, int]:
    """What the parameters outside of the layers belong to, and their number."""
    slopes = any(isinstance(module, nn.PReLU) for module in network.modules())
    n_others = sum(p.numel() for p in network.parameters())
    n_others -= sum(layer.n_parameters for layer in layers)
    return "slopes of rectified units" if slopes else "batch normalisation", n_others


def _rows(
    name: str,
    network: nn.Module,
    layers: list[Layer],
    image: tuple[int, int, int],
    n_networks: int,
) -> list[NetworkLayer]:
    shortcuts = _shortcuts(network)
    lines = [("image", image, 0, 1), *map(_line, layers)]
    others, n_others = other_parameters(network, layers)
    if n_others:
        lines.append((f"{others}, together", (0, 0, 0), n_others, 0))
    return [
        NetworkLayer(
            method=name,
            number=number,
            layer=layer,
            maps=shape[0],
            height=shape[1],
            width=shape[2],
            n_parameters=n_parameters,
            field_px=field_px,
            n_networks=n_networks,
            shortcut=shortcuts.get(number, 0),
        )
        for number, (layer, shape, n_parameters, field_px) in enumerate(lines)
    ]


def _line(layer: Layer) -> tuple[str, tuple[int, int, int], int, int]:
    """Return name, shape, number of parameters and receptive field."""
    name = NAMES[layer.name.partition(" ")[0]].format(layer.kernel_px)
    maps, height, width = (*layer.shape, 1, 1)[:3]
    return name, (maps, height, width), layer.n_parameters, layer.field_px or 0


def _shortcuts(network: nn.Module) -> dict[int, int]:
    """Find layers whose output is added to an earlier one: number -> layers between."""
    shown: list[nn.Module] = [m for m in network.modules() if isinstance(m, SHOWN)]
    return {shown.index(last) + 1: n for last, n in _residuals(network)}


def _residuals(network: nn.Module) -> Iterator[tuple[nn.Module, int]]:
    """The last convolution of each residual block and the number of its convolutions.

    Blocks are ours and torchvision's, which have a `downsample`.
    """
    for block in network.modules():
        convolutions = [m for m in block.children() if isinstance(m, nn.Conv2d)]
        ours = isinstance(block, Block) and block.shortcut
        if ours or (hasattr(block, "downsample") and convolutions):
            yield convolutions[-1], len(convolutions)


def main() -> None:
    """Write the table of every network."""
    for method in networks():
        write_rows(FOLDER / f"{method.name}.csv", NetworkLayer, layer_rows(method))
    entries = find_networks()
    for name in DRAWN:
        table = LAYERS / "imagenet" / f"{name}.csv"
        write_rows(table, NetworkLayer, imagenet_rows(name, entries[name]))
    summaries = [imagenet_summary(name, entry) for name, entry in entries.items()]
    write_rows(LAYERS / "imagenet.csv", ImageNetNetwork, summaries)


if __name__ == "__main__":
    main()
