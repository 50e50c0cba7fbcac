"""The networks of the lecture's ImageNet table, by name: photographs to 1,000 logits.

A file here that assigns NETWORKS, a dict from name to `Network`, adds its networks to
`visbase networks`. They are not methods: no row of a table is trained with them.

    alexnet         Krizhevsky et al. 2012, two groups; and torchvision's
    vgg             Simonyan & Zisserman 2014, 16 layers
    googlenet       Szegedy et al. 2014; and torchvision's
    prelu_net       He et al. 2015, models A, B and C
    bn_inception    Ioffe & Szegedy 2015
    resnet          He et al. 2016, 34 (shortcuts A, B, C), 50, 101 and 152 layers
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from visbase.cnn import imagenet
from visbase.pipeline.storage import declarations

LECTURE = "He et al. 2016, table 4"
TORCHVISION = "torchvision's weights, one crop"


@dataclass(frozen=True)
class Network:
    """A network and what was published about it.

    make: number of classes -> network from (n, 3, side_px, side_px) float32 to logits
    (n, n_classes), with random weights; top1_pct and top5_pct: error of a single model
    on ImageNet's validation images in percent, 0 if `source` does not state it.
    """

    make: Callable[[int], nn.Module]
    year: int
    top1_pct: float
    top5_pct: float
    source: str
    side_px: int = 224


def find_networks() -> dict[str, Network]:
    """Import the files of this package; all networks by name, oldest first."""
    found: dict[str, Network] = {}
    for file in declarations(imagenet, "NETWORKS"):
        found |= importlib.import_module(f"{imagenet.__name__}.{file}").NETWORKS
    return dict(sorted(found.items(), key=lambda item: item[1].year))
