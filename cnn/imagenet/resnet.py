"""ResNets of 34, 50, 101 and 152 layers (He et al. 2016, table 1), torchvision's.

                  parameters    multiply-adds   halved in 1 x 1   the paper's
    resnet34_a    21,623,848    3,644,493,824                     3.6 x 10^9
    resnet34_b    21,797,672    3,663,761,408                     3.6 x 10^9
    resnet34_c    22,716,840    3,830,747,136                     3.6 x 10^9
    resnet50      25,557,032    4,089,184,256    3,857,973,248    3.8 x 10^9
    resnet101     44,549,160    7,801,405,440    7,570,194,432    7.6 x 10^9
    resnet152     60,192,808   11,513,626,624   11,282,415,616   11.3 x 10^9

Shortcuts where the shape changes (section 4.1): A takes every second pixel and fills
new channels with zeros, B projects by a convolution 1 x 1, C projects everywhere.
torchvision's ResNets have option B.

From 50 layers on, the paper halves the size in the first convolution 1 x 1 of a stage,
torchvision in the 3 x 3 after it: the same parameters, but more multiply-adds, because
one more convolution works on the larger map. The paper truncates its numbers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from visbase.cnn.imagenet import LECTURE, Network
from visbase.cnn.imagenet.torchvision_networks import models


class ZeroPadded(nn.Module):
    """Option A: (n, c_in, h, w) -> (n, c_out, h / 2, w / 2), without parameters."""

    def __init__(self, new_channels: int) -> None:
        super().__init__()
        self.new_channels = new_channels

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.new_channels))


def resnet34(n_classes: int, option: str) -> nn.Module:
    """ResNet-34 with shortcuts of option "A", "B" or "C"."""
    network: nn.Module = models.resnet34(num_classes=n_classes)
    blocks: list[Any] = [m for m in network.modules() if hasattr(m, "downsample")]
    for block in blocks:
        c_out, c_in = block.conv1.weight.shape[:2]
        if option == "A" and block.downsample is not None:
            block.downsample = ZeroPadded(c_out - c_in)
        if option == "C" and block.downsample is None:
            projection = nn.Conv2d(c_in, c_out, 1, bias=False)
            # as torchvision initialises every convolution of its ResNets
            nn.init.kaiming_normal_(projection.weight, mode="fan_out")
            block.downsample = nn.Sequential(projection, nn.BatchNorm2d(c_out))
    return network


def deep(n_classes: int, layers: int) -> nn.Module:
    """torchvision's ResNet of 50, 101 or 152 layers."""
    network: nn.Module = getattr(models, f"resnet{layers}")(num_classes=n_classes)
    return network


NETWORKS = {
    "resnet34_a": Network(partial(resnet34, option="A"), 2015, 0, 0, ""),
    "resnet34_b": Network(partial(resnet34, option="B"), 2015, 21.84, 5.71, LECTURE),
    "resnet34_c": Network(partial(resnet34, option="C"), 2015, 21.53, 5.6, LECTURE),
    "resnet50": Network(partial(deep, layers=50), 2015, 20.74, 5.25, LECTURE),
    "resnet101": Network(partial(deep, layers=101), 2015, 19.87, 4.6, LECTURE),
    "resnet152": Network(partial(deep, layers=152), 2015, 19.38, 4.49, LECTURE),
}
