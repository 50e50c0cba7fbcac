"""Inception with batch normalisation (Ioffe & Szegedy 2015, figure 5).

    layer                      output          parameters   multiply-adds
    convolution 7 x 7 / 2       64 x 112 x 112      9,600     118,013,952
    max pooling 3 x 3 / 2       64 x  56 x  56
    convolution 1 x 1           64 x  56 x  56      4,288      12,845,056
    convolution 3 x 3          192 x  56 x  56    111,168     346,816,512
    max pooling 3 x 3 / 2      192 x  28 x  28
    inception 3a, 3b           320 x  28 x  28    480,256     374,112,256
    inception 3c               576 x  14 x  14    385,632     143,904,768
    inception 4a to 4d         608 x  14 x  14  3,336,544     651,685,888
    inception 4e              1056 x   7 x   7  1,451,008     164,577,280
    inception 5a, 5b          1024 x   7 x   7  4,491,744     219,620,352
    mean over all positions   1024
    linear                    1000              1,025,000       1,024,000
                                               11,295,240   2,032,600,064

The paper gives no totals. Maps, names and the intercepts before the normalisation are
those of the weights that Cadene's pretrained-models.pytorch distributes, so that they
can be loaded.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visbase.cnn.imagenet import LECTURE, Network, Published

# maps of 1 x 1; reduction and 3 x 3; reduction and twice 3 x 3; 1 x 1 after the
# pooling. Modules without the first and the last halve the size.
MODULES = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}
POOLED_BY_MAXIMUM = ("5b",)  # others of their size by the mean


class BNInception(nn.Module):
    """(n, 3, 224, 224) -> (n, n_classes); the modules have the names of the weights."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self._add("conv1_7x7_s2", 3, 64, 7, 2)
        self._add("conv2_3x3_reduce", 64, 64, 1)
        self._add("conv2_3x3", 64, 192, 3)
        # pooling has no parameters: all modules share these
        self.halving = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.maximum, self.mean = nn.MaxPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1)
        c_in = 192
        for name, (one, three_in, three, two_in, two, pooled) in MODULES.items():
            place, stride = f"inception_{name}_", 1 if one else 2
            if one:
                self._add(f"{place}1x1", c_in, one, 1)
            self._add(f"{place}3x3_reduce", c_in, three_in, 1)
            self._add(f"{place}3x3", three_in, three, 3, stride)
            self._add(f"{place}double_3x3_reduce", c_in, two_in, 1)
            self._add(f"{place}double_3x3_1", two_in, two, 3)
            self._add(f"{place}double_3x3_2", two, two, 3, stride)
            if pooled:
                self._add(f"{place}pool_proj", c_in, pooled, 1)
            c_in = one + three + two + (pooled or c_in)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.last_linear = nn.Linear(c_in, n_classes)

    def _add(
        self, name: str, c_in: int, c_out: int, kernel: int, stride: int = 1
    ) -> None:
        padding = kernel // 2
        self.add_module(name, nn.Conv2d(c_in, c_out, kernel, stride, padding))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(c_out))

    def _through(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            normalisation = self.get_submodule(f"{name}_bn")
            x = F.relu(normalisation(self.get_submodule(name)(x)))
        return x

    def _inception(self, x: Tensor, name: str) -> Tensor:
        place = f"inception_{name}_"
        one, *_, pooled = MODULES[name]
        double = ("double_3x3_reduce", "double_3x3_1", "double_3x3_2")
        branches = [self._through(x, f"{place}1x1")] if one else []
        branches.append(self._through(x, f"{place}3x3_reduce", f"{place}3x3"))
        branches.append(self._through(x, *(place + part for part in double)))
        pool = self.maximum if name in POOLED_BY_MAXIMUM else self.mean
        if pooled:
            branches.append(self._through(pool(x), f"{place}pool_proj"))
        else:
            branches.append(self.halving(x))
        return torch.cat(branches, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.halving(self._through(x, "conv1_7x7_s2"))
        x = self.halving(self._through(x, "conv2_3x3_reduce", "conv2_3x3"))
        for name in MODULES:
            x = self._inception(x, name)
        return self.last_linear(self.global_pool(x).flatten(1))


# as Cadene's pretrained-models.pytorch states
_CADENE = Published((128.0, 117.0, 104.0), (1.0, 1.0, 1.0), is_bgr=True)

NETWORKS = {
    "bn_inception": Network(
        BNInception,
        2015,
        21.99,
        5.81,
        LECTURE,
        weights=_CADENE,
        last="inception_5b_1x1",
    )
}
