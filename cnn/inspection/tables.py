"""Tables of the layers of every network for MNIST: reports/layers/mnist/<method>.csv.

`python -m visbase.cnn.inspection.tables` writes them; the report draws them, for which
it needs no torch. Run it again when a network has changed: a test compares the two.
"""

from __future__ import annotations

import torch
from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.committee import Committee
from visbase.cnn.inspection.layers import SHOWN, Layer, trace
from visbase.cnn.residual import Block
from visbase.pipeline.experiments.measured import NetworkLayer
from visbase.pipeline.models.methods import MethodFile, find_methods
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.tables import write_rows

FOLDER = ROOT / "reports" / "layers" / "mnist"
SIDE_PX, N_CLASSES = 28, 10
NAMES = {
    "Conv2d": "convolution {0} x {0}",
    "MaxPool2d": "max pooling {0} x {0}",
    "AvgPool2d": "mean of {0} x {0}",
    "AdaptiveAvgPool2d": "mean over all positions",
    "Linear": "fully connected",
}
NORMS = "batch normalisation, together"


def networks() -> list[MethodFile]:
    """List the methods whose networks are trained on digits, sorted by name."""
    methods = find_methods().values()
    return [m for m in methods if m.family == "network" and "digits" in m.kinds]


def layer_rows(method: MethodFile) -> list[NetworkLayer]:
    """Trace the network of a method's full preset, from the image to the logits."""
    model = method.build(method.presets("digits")["full"], seed=0)
    n_networks = len(model.members) if isinstance(model, Committee) else 1
    member = model.members[0][0] if isinstance(model, Committee) else model
    assert isinstance(member, NetworkClassifier)
    with torch.device("meta"):  # only shapes: nothing is computed
        network = member.make_network(SIDE_PX, SIDE_PX, N_CLASSES, 1)
        traced = trace(network, torch.zeros(1, 1, SIDE_PX, SIDE_PX))
    layers = [layer for layer, _ in traced]
    shortcuts = _shortcuts(network)
    n_others = sum(p.numel() for p in network.parameters())
    n_others -= sum(layer.n_parameters for layer in layers)
    image = ("image", (1, SIDE_PX, SIDE_PX), 0, 1)
    lines = [image, *map(_line, layers)]
    if n_others:
        lines.append((NORMS, (0, 0, 0), n_others, 0))
    return [
        NetworkLayer(
            method=method.name,
            number=number,
            layer=name,
            maps=shape[0],
            height=shape[1],
            width=shape[2],
            n_parameters=n_parameters,
            field_px=field_px,
            n_networks=n_networks,
            shortcut=shortcuts.get(number, 0),
        )
        for number, (name, shape, n_parameters, field_px) in enumerate(lines)
    ]


def _line(layer: Layer) -> tuple[str, tuple[int, int, int], int, int]:
    """Return name, shape, number of parameters and receptive field."""
    name = NAMES[layer.name.partition(" ")[0]].format(layer.kernel_px)
    maps, height, width = (*layer.shape, 1, 1)[:3]
    return name, (maps, height, width), layer.n_parameters, layer.field_px or 0


def _shortcuts(network: nn.Module) -> dict[int, int]:
    """Find layers whose output is added to an earlier one: number -> layers between."""
    shown = [module for module in network.modules() if isinstance(module, SHOWN)]
    return {
        shown.index(block.convolution2) + 1: 2
        for block in network.modules()
        if isinstance(block, Block) and block.shortcut
    }


def main() -> None:
    """Write the table of every network."""
    for method in networks():
        write_rows(FOLDER / f"{method.name}.csv", NetworkLayer, layer_rows(method))


if __name__ == "__main__":
    main()
