"""`cuda_convnet_stochastic` in the size of `wide_cuda_convnet`."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.dropout import cuda_convnet_stochastic
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets

SUMMARY = "convolutional network, 96 to 256 maps, stochastic pooling"
FOR = ("objects",)


@dataclass(frozen=True)
class Config(cuda_convnet_stochastic.Config):
    maps: tuple[int, ...] = (96, 128, 256)
    units: tuple[int, ...] = (2048, 2048)


PRESETS = presets(Config())
