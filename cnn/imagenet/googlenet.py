"""GoogLeNet (Szegedy et al. 2014, table 1) without auxiliary heads; and torchvision's.

    layer                      output          parameters   multiply-adds
    convolution 7 x 7 / 2       64 x 112 x 112      9,472     118,013,952
    max pooling 3 x 3 / 2       64 x  56 x  56
    convolution 1 x 1           64 x  56 x  56      4,160      12,845,056
    convolution 3 x 3          192 x  56 x  56    110,784     346,816,512
    max pooling 3 x 3 / 2      192 x  28 x  28
    inception 3a, 3b           480 x  28 x  28    552,432     432,316,416
    max pooling 3 x 3 / 2      480 x  14 x  14
    inception 4a to 4e         832 x  14 x  14  2,809,168     549,878,784
    max pooling 3 x 3 / 2      832 x   7 x   7
    inception 5a, 5b          1024 x   7 x   7  2,487,536     121,777,152
    mean over all positions   1024
    linear                    1000              1,025,000       1,024,000
                                                6,998,552   1,582,671,872

The paper's table gives 2.7 K parameters to the first layer, whose 7 x 7 kernels have
9,408 weights; its picture (figure 3) has the layer that is built here. In the rows
below, K is 1,024: the 114,688 weights of the next two convolutions are its 112 K, the
163,328 of inception 3a its 159 K.

torchvision's has batch normalisation, no intercepts in the convolutions, and 3 x 3
kernels in place of 5 x 5 (6,624,904 parameters), which TensorFlow's also has.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visbase.cnn.imagenet import LECTURE, TORCHVISION, Network, Published
from visbase.cnn.imagenet.torchvision_networks import models

# maps of 1 x 1; reduction and 3 x 3; reduction and 5 x 5; 1 x 1 after the pooling
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
LAST_OF_STAGE = ("3b", "4e")  # a max pooling follows


def convolution(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size but for its stride, and rectified units."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2), nn.ReLU()
    )


class Inception(nn.Module):
    """Four branches side by side, (n, c_in, h, w) -> (n, sum of their maps, h, w)."""

    def __init__(self, c_in: int, maps: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, three_in, three, five_in, five, pooled = maps
        self.branches = nn.ModuleList(
            [
                convolution(c_in, one, 1),
                convolution(c_in, three_in, 1) + convolution(three_in, three, 3),
                convolution(c_in, five_in, 1) + convolution(five_in, five, 5),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), *convolution(c_in, pooled, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def googlenet(n_classes: int) -> nn.Module:
    layers: list[nn.Module] = [
        *convolution(3, 64, 7, 2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.LocalResponseNorm(5),
        *convolution(64, 64, 1),
        *convolution(64, 192, 3),
        nn.LocalResponseNorm(5),
        nn.MaxPool2d(3, 2, ceil_mode=True),
    ]
    c_in = 192
    for name, maps in MODULES.items():
        layers.append(Inception(c_in, maps))
        c_in = maps[0] + maps[2] + maps[4] + maps[5]
        if name in LAST_OF_STAGE:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4))
    return nn.Sequential(*layers, *head, nn.Linear(c_in, n_classes))


def torchvision_googlenet(n_classes: int) -> nn.Module:
    network: nn.Module = models.googlenet(
        num_classes=n_classes, aux_logits=False, init_weights=True
    )
    return network


NETWORKS = {
    "googlenet": Network(googlenet, 2014, 0, 7.89, LECTURE),
    "googlenet_torchvision": Network(
        torchvision_googlenet,
        2014,
        30.22,
        10.47,
        TORCHVISION,
        # TensorFlow's standardisation, which torchvision's network applies itself
        weights=Published((127.5,) * 3, (127.5,) * 3, unused=("aux1.", "aux2.")),
    ),
}
