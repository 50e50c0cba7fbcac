"""`cuda_convnet_dropout_fc` in the size of the published network."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.dropout import cuda_convnet_dropout_fc
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets

SUMMARY = (
    "convolutional network, 96 to 256 maps, max pooling, dropout in fully connected "
    "layers"
)
FOR = ("objects",)


@dataclass(frozen=True)
class Config(cuda_convnet_dropout_fc.Config):
    maps: tuple[int, ...] = (96, 128, 256)
    units: tuple[int, ...] = (2048, 2048)


PRESETS = presets(Config())

SEARCH = ({"epochs": 150},)
