"""The weights of a network's first layer as images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn


def first_kernels(network: nn.Module, height: int, width: int) -> NDArray[np.float32]:
    """Weights (n, h, w) of the first layer, convolutional or fully connected."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return module.weight.detach().cpu().numpy()[:, 0]
        if isinstance(module, nn.Linear):
            return module.weight.detach().cpu().numpy().reshape(-1, height, width)
    raise ValueError("the network has neither a convolutional nor a linear layer")
