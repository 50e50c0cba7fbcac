"""The weights of a network's first layer as images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn


def first_kernels(network: nn.Module, height: int, width: int) -> NDArray[np.float32]:
    """Weights of the first layer, convolutional or fully connected.

    -> (n, h, w), or (n, h, w, 3) of a network that takes colour images.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight = module.weight.detach().cpu().numpy()
            if isinstance(module, nn.Linear):
                weight = weight.reshape(len(weight), -1, height, width)
            return weight[:, 0] if weight.shape[1] == 1 else np.moveaxis(weight, 1, 3)
    raise ValueError("the network has neither a convolutional nor a linear layer")
