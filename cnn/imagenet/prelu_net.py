"""PReLU-nets A, B and C (He et al. 2015, table 3).

    layers                     A       B       C    side    maps of A, B
    convolution 7 x 7 / 2      1       1       1     112      96
    max pooling 2 x 2                                 56
    convolutions 3 x 3         5       6       6      56     256 (C: 384)
    max pooling 2 x 2                                 28
    convolutions 3 x 3         5       6       6      28     512 (C: 768)
    max pooling 2 x 2                                 14
    convolutions 3 x 3         5       6       6      14     512 (C: 896)
    spatial pyramid pooling    7 x 7, 3 x 3, 2 x 2 and 1 x 1 cells (He et al. 2014)
    linear                     4096, 4096, 1000

         parameters   slopes   multiply-adds   the paper's
    A   178,017,384   14,688  19,058,106,368   19.0 x 10^9
    B   183,327,080   15,968  23,219,904,512   23.2 x 10^9
    C   330,603,368   20,576  53,463,130,112   53   x 10^9

Parameters are weights and intercepts; the slopes of the parametric rectified units,
one per channel, are counted apart. The paper does not give these numbers.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from visbase.cnn.imagenet import LECTURE, Network

CELLS = (7, 3, 2, 1)  # sides of the pyramid's levels
SLOPE = 0.25  # of a parametric rectified unit before training


class SpatialPyramid(nn.Module):
    """The largest value of each cell, (n, c, h, w) -> (n, c * 63) for h, w >= 7."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.AdaptiveMaxPool2d(side) for side in CELLS)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([level(x).flatten(1) for level in self.levels], 1)


def prelu_net(
    n_classes: int, n_convolutions: int, maps: tuple[int, int, int]
) -> nn.Module:
    """A network of 3 n_convolutions + 4 layers, for images of any size from 112 px.

    Weights have the variance 2 / ((1 + slope^2) inputs), which keeps that of the
    activations from layer to layer (He et al. 2015, equation 15).
    """
    layers: list[nn.Module] = [nn.Conv2d(3, 96, 7, 2, padding=3), nn.PReLU(96, SLOPE)]
    c_in = 96
    for c_out in maps:
        layers.append(nn.MaxPool2d(2))
        for _ in range(n_convolutions):
            layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.PReLU(c_out, SLOPE)]
            c_in = c_out
    layers.append(SpatialPyramid())
    units = c_in * sum(side**2 for side in CELLS)
    for _ in range(2):
        layers += [nn.Linear(units, 4096), nn.PReLU(4096, SLOPE), nn.Dropout(0.5)]
        units = 4096
    layers.append(nn.Linear(units, n_classes))
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


_A = partial(prelu_net, n_convolutions=5, maps=(256, 512, 512))
_B = partial(prelu_net, n_convolutions=6, maps=(256, 512, 512))
_C = partial(prelu_net, n_convolutions=6, maps=(384, 768, 896))

NETWORKS = {
    "prelu_net_a": Network(_A, 2015, 0, 0, ""),
    "prelu_net_b": Network(_B, 2015, 0, 0, ""),
    "prelu_net_c": Network(_C, 2015, 21.59, 5.71, LECTURE),
}
