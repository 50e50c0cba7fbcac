"""`cuda_convnet_dropout` in the size of the published network."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.dropout import cuda_convnet_dropout
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets
from visbase.cnn.dropout.cuda_convnet_dropout import SEARCH as SEARCH

SUMMARY = "convolutional network, 96 to 256 maps, max pooling, dropout in all layers"
FOR = ("objects",)


@dataclass(frozen=True)
class Config(cuda_convnet_dropout.Config):
    maps: tuple[int, ...] = (96, 128, 256)
    units: tuple[int, ...] = (2048, 2048)


PRESETS = presets(Config())
