"""What the first layer of a network looks for, as images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn


def first_kernels(network: nn.Module, height: int, width: int) -> NDArray[np.float32]:
    """Weights of the first layer as images (n, h, w): of a fully connected one too."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return module.weight.detach().cpu().numpy()[:, 0]
        if isinstance(module, nn.Linear):
            return module.weight.detach().cpu().numpy().reshape(-1, height, width)
    raise ValueError("a network without convolutional and linear layers")
