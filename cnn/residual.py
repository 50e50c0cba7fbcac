"""Stacks of basic blocks, with and without shortcuts (He et al. 2016).

    layer                      output (28 x 28 digit)
    convolution 5 x 5          width x 12 x 12          stride 2, no padding
    n blocks of 2 convolutions width x 12 x 12
    n blocks                 2 width x  6 x  6          the first convolution strides
    n blocks                 4 width x  3 x  3
    mean over positions      4 width
    linear                  10

Small objects keep their size in the first convolution, 3 x 3 with stride 1 and padding.
Photographs have a fourth stage, and a max pooling 3 x 3 after the first convolution, as
in the paper's networks for ImageNet. The depth, 6 n + 2 or 8 n + 2, counts the layers
with weights along the path. Batch normalisation follows every convolution (Ioffe &
Szegedy 2015). A shortcut adds a block's input to its
output; if the shape changes, it takes every second pixel and fills the new channels
with zeros (option A of section 4.2), so that networks with and without shortcuts have
the same number of parameters.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from visbase.pipeline.errors import BadInput


class Block(nn.Module):
    """Two 3 x 3 convolutions, (n, c_in, h, w) -> (n, c_out, h / stride, w / stride)."""

    def __init__(self, c_in: int, c_out: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(c_out)
        self.convolution2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(c_out)
        self.shortcut = shortcut
        self.stride = stride
        self.new_channels = c_out - c_in

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.convolution1(x)))
        y = self.norm2(self.convolution2(y))
        if self.shortcut:
            x = x[:, :, :: self.stride, :: self.stride]
            y = y + F.pad(x, (0, 0, 0, 0, 0, self.new_channels))
        return F.relu(y)

    def extra_repr(self) -> str:
        return f"shortcut={self.shortcut}"


def residual_network(
    depth: int,
    width: int,
    shortcut: bool,
    n_classes: int,
    channels: int = 1,
    n_stages: int = 3,
    first_stride: int = 2,
) -> nn.Sequential:
    """A network (n, channels, h, w) -> logits (n, n_classes) for images of any size.

    n_stages: 3 for small images, 4 for photographs; first_stride: of the first
    convolution, which is 5 x 5 with stride 2, or 3 x 3 with stride 1. Raises BadInput
    if the depth is not 2 n_stages n + 2 with n >= 1.
    """
    if first_stride not in (1, 2):
        raise BadInput(f"first_stride={first_stride}: expected 1 or 2")
    if n_stages not in (3, 4):
        raise BadInput(f"n_stages={n_stages}: expected 3 or 4")
    n_blocks, rest = divmod(depth - 2, 2 * n_stages)
    if n_blocks < 1 or rest:
        least = 2 * n_stages + 2
        series = f"{least}, {2 * least - 2}, {3 * least - 4}"
        raise BadInput(
            f"depth={depth}: expected {2 * n_stages} n + 2 with n >= 1 ({series}, ...)"
        )
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 5, 2, bias=False)
        if first_stride == 2
        else nn.Conv2d(channels, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    if n_stages == 4:
        layers.append(nn.MaxPool2d(3, 2, padding=1))
    c_in = width
    for stage in range(n_stages):
        for i in range(n_blocks):
            stride = 2 if stage and not i else 1
            layers.append(Block(c_in, width << stage, stride, shortcut))
            c_in = width << stage
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c_in, n_classes)
    )
