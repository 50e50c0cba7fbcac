"""`maxout` in the size of the published network (Goodfellow et al. 2013)."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.dropout import maxout
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets

SUMMARY = "convolutional network, 96 to 192 maps, maxout, dropout in all layers"
FOR = ("objects",)


@dataclass(frozen=True)
class Config(maxout.Config):
    maps: tuple[int, ...] = (96, 192, 192)
    kernel_px: tuple[int, ...] = (8, 8, 5)
    pool_px: tuple[int, ...] = (4, 4, 2)
    units: tuple[int, ...] = (500,)
    unit_pieces: int = 5
    input_dropout: float = 0.2
    max_norm: float = 1.94


PRESETS = presets(Config())
