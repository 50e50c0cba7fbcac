"""Vanishing gradients: how much of the gradient reaches each layer of a deep network.

The lecture: very deep networks do not train well, because the gradient vanishes.
Measured are the deepest networks of `depth`, with and without shortcuts, and with and
without batch normalisation, which He et al. 2016 (section 4.1) say keeps gradients from
vanishing. The gradient is that of the mean loss of N_MEASURED training digits in the
outputs of each layer (Glorot & Bengio 2010, figure 7), before training and after
RECIPE's epochs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visbase.cnn.inspection.depth import DEPTHS, N_TRAIN, WIDTH
from visbase.cnn.residual import residual_network
from visbase.cnn.training.trainer import Recipe, train
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Split, part
from visbase.pipeline.experiments.measured.demonstrations import GradientNorm
from visbase.pipeline.experiments.provenance import cpu, n_cores, revision
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.tables import write_rows

DEPTH = max(DEPTHS)
SEEDS = (0, 1, 2)
N_MEASURED = 500
RECIPE = Recipe(epochs=2, learning_rate=2e-3)
TABLE = ROOT / "reports" / "demonstrations" / "mnist" / "gradients.csv"


def gradient_norms(
    network: nn.Module, images: Tensor, targets: Tensor
) -> tuple[float, list[float]]:
    """Mean cross-entropy, and the norm of its gradient in the outputs of each layer.

    images (n, c, h, w), targets (n,). Layers are convolutional or fully connected, in
    the order of execution. Batch normalisation works as in training, but its running
    statistics stay as they are.
    """
    outputs: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _layer, _inputs, out: outputs.append(out))
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.train()
    try:
        loss = F.cross_entropy(network(images), targets)
    finally:
        for hook in hooks:
            hook.remove()
    gradients = torch.autograd.grad(loss, outputs)
    network.load_state_dict(buffers, strict=False)
    return float(loss.detach()), [float(gradient.norm()) for gradient in gradients]


def deep_network(shortcuts: bool, normalised: bool) -> nn.Module:
    """A network of DEPTH layers for digits."""
    network = residual_network(DEPTH, WIDTH, shortcuts, n_classes=10)
    if not normalised:
        for module in [*network.modules()]:
            for name, child in module.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, nn.Identity())
    return network


def measure(
    digits: Split, shortcuts: bool, normalised: bool, seed: int, commit: str
) -> Iterator[GradientNorm]:
    """Train one network; a row per layer, before and after."""
    pixels = np.array(digits.images, np.float32)[:, None]
    images = torch.from_numpy((pixels - pixels.mean()) / pixels.std())
    targets = torch.from_numpy(np.array(digits.labels))
    with torch.random.fork_rng(), TemporaryDirectory() as folder:
        torch.manual_seed(seed)
        network = deep_network(shortcuts, normalised)
        for epoch in (0, RECIPE.epochs):
            if epoch:
                checkpoint = Path(folder) / "checkpoint.safetensors"
                train(network, images, targets, RECIPE, None, seed, checkpoint)
            few = images[:N_MEASURED], targets[:N_MEASURED]
            loss, norms = gradient_norms(network, *few)
            for layer, norm in enumerate(norms, 1):
                yield GradientNorm(
                    depth=DEPTH,
                    shortcuts=int(shortcuts),
                    normalised=int(normalised),
                    seed=seed,
                    epoch=epoch,
                    layer=layer,
                    norm=float(f"{norm:.3g}"),
                    loss=round(loss, 4),
                    cpu=cpu(),
                    n_cores=n_cores(),
                    commit=commit,
                )


def main() -> None:
    """Measure all networks and write the table."""
    commit = revision()
    digits = part(load_dataset("mnist").train, slice(0, N_TRAIN))
    rows = [
        row
        for normalised in (False, True)
        for shortcuts in (False, True)
        for seed in SEEDS
        for row in measure(digits, shortcuts, normalised, seed, commit)
    ]
    write_rows(TABLE, GradientNorm, rows)


if __name__ == "__main__":
    main()
