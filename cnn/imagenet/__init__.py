"""The networks of the lecture's ImageNet table, by name: photographs to 1,000 logits.

A file here that assigns NETWORKS, a dict from name to `Network`, adds its networks to
`visbase networks`. They train on one's own photographs (`method`), but are not methods
of a published table.

    alexnet         Krizhevsky et al. 2012, two groups; and torchvision's
    vgg             Simonyan & Zisserman 2014, 16 layers
    googlenet       Szegedy et al. 2014; and torchvision's
    prelu_net       He et al. 2015, models A, B and C
    bn_inception    Ioffe & Szegedy 2015
    resnet          He et al. 2016, 34 (shortcuts A, B, C), 50, 101 and 152 layers

With the weights of others they are evaluated by ILSVRC's protocol (`evaluation`).
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from visbase.cnn import imagenet
from visbase.pipeline.storage import declarations

LECTURE = "He et al. 2016, table 4"
TORCHVISION = "torchvision's weights, one crop"
MEAN = (123.675, 116.28, 103.53)  # of ImageNet's pixels, as in torchvision's weights
DEVIATION = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Published:
    """What the weights that are distributed for a network expect, and have besides.

    mean, deviation: of R, G and B, in levels of 255; is_bgr: whether their first layer
    takes the channels in the other order; unused: beginnings of names of tensors that
    the network here does not have.
    """

    mean: tuple[float, float, float] = MEAN
    deviation: tuple[float, float, float] = DEVIATION
    is_bgr: bool = False
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """A network and what was published about it.

    make: number of classes -> network from (n, 3, side_px, side_px) float32 to logits
    (n, n_classes), with random weights; top1_pct and top5_pct: error of a single model
    on ImageNet's validation images in percent, 0 if `source` does not state it.
    weights: that are distributed for it, which `visbase evaluate` reads; last: the
    child with which the last stage begins, "" to find it, see `classifier.frozen`.
    """

    make: Callable[[int], nn.Module]
    year: int
    top1_pct: float
    top5_pct: float
    source: str
    side_px: int = 224
    weights: Published = Published()
    last: str = ""

    @property
    def resized_px(self) -> int:
        """Shorter side before the crop: 256 as in Krizhevsky et al. 2012 (section 2).

        Networks for larger images keep the proportion of 256 to 224.
        """
        return 256 if self.side_px < 256 else math.ceil(self.side_px * 256 / 224)


def find_networks() -> dict[str, Network]:
    """Import the files of this package; all networks by name, oldest first."""
    found: dict[str, Network] = {}
    for file in declarations(imagenet, "NETWORKS"):
        found |= importlib.import_module(f"{imagenet.__name__}.{file}").NETWORKS
    return dict(sorted(found.items(), key=lambda item: item[1].year))
