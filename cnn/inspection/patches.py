"""What a neuron sees: the parts of test images that excite it most, layer by layer.

The idea is that of Zeiler & Fergus 2014 (figure 2). A patch is the receptive field of
one output, which is why patches grow with depth. Of an image counts only the position
where the neuron's output is largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.inspection.layers import SHOWN, Layer, trace
from visbase.cnn.inspection.tables import NAMES
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.experiments.measured.demonstrations import Patch
from visbase.pipeline.experiments.provenance import cpu, n_cores, revision
from visbase.pipeline.models.methods import find_methods
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.tables import write_rows

METHODS = {"lenet5": "full", "convnet": "quick"}  # and the preset that is trained
N_NEURONS, N_PATCHES = 6, 9
TABLE = ROOT / "reports" / "demonstrations" / "mnist" / "patches.csv"


class Excited(NamedTuple):
    """Images that excite the first neurons of a layer most, (neurons, patches) each.

    layer: what it is; images: positions in the batch, the best first; rows, columns:
    pixels of the image where the patches begin; outputs: of the neurons.
    """

    layer: Layer
    images: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    outputs: NDArray[np.float32]


def strongest(
    network: nn.Module, images: Tensor, n_neurons: int, n_patches: int
) -> Iterator[Excited]:
    """Find the patches of each layer with weights of a network without branches.

    images (n, c, h, w), standardised; neurons are maps, or units of a fully connected
    layer, for which the patch is the whole image.
    """
    layers = [layer for layer, _ in trace(network, images[:1])]
    modules = [module for module in network.modules() if isinstance(module, SHOWN)]
    found: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {m: [] for m in modules}

    def record(module: nn.Module, _inputs: tuple[Tensor], output: Tensor) -> None:
        largest = (
            output[:, :n_neurons].flatten(2)
            if output.ndim == 4
            else (output[:, :n_neurons, None])
        )
        values, positions = largest.max(2)
        found[module].append((values, positions))

    hooks = [module.register_forward_hook(record) for module in modules]
    try:
        with torch.inference_mode():
            for first in range(0, len(images), 500):
                network(images[first : first + 500])
    finally:
        for hook in hooks:
            hook.remove()
    for layer, module in zip(layers, modules, strict=True):
        if layer.weight_shape:
            values, positions = map(torch.cat, zip(*found[module], strict=True))
            outputs, best = values.T.topk(n_patches)  # (neurons, patches)
            chosen = positions.T.gather(1, best).numpy()
            width = layer.shape[-1] if len(layer.shape) == 3 else 1
            step = layer.stride_px if layer.field_px else 0
            rows, columns = (
                layer.start_px + step * index for index in np.divmod(chosen, width)
            )
            yield Excited(layer, best.numpy(), rows, columns, outputs.numpy())


def measure(method: str, preset: str, commit: str) -> Iterator[Patch]:
    """Train a method's network on MNIST; a row per patch of the test images."""
    mnist = load_dataset("mnist")
    file = find_methods()[method]
    model = file.build(file.presets("digits")[preset], seed=0)
    assert isinstance(model, NetworkClassifier)
    model.fit(mnist.train.images, mnist.train.labels)
    mean, deviation = model.arrays()["standard"]
    pixels = np.asarray(mnist.test.images, np.float32)[:, None]
    images = torch.from_numpy((pixels - np.float32(mean)) / np.float32(deviation))
    for excited in strongest(model.network_, images, N_NEURONS, N_PATCHES):
        layer = excited.layer
        for neuron, rank in np.ndindex(excited.images.shape):
            at = neuron, rank
            yield Patch(
                method=method,
                layer=layer.depth,
                kind=NAMES[layer.name.partition(" ")[0]].format(layer.kernel_px),
                field_px=layer.field_px or 0,
                neuron=neuron,
                rank=rank + 1,
                image=int(excited.images[at]),
                top=int(excited.rows[at]),
                left=int(excited.columns[at]),
                output=float(f"{excited.outputs[at]:.4g}"),
                cpu=cpu(),
                n_cores=n_cores(),
                commit=commit,
            )


def main() -> None:
    """Measure all networks and write the table."""
    commit = revision()
    rows = [
        row
        for method, preset in METHODS.items()
        for row in measure(method, preset, commit)
    ]
    write_rows(TABLE, Patch, rows)


if __name__ == "__main__":
    main()
