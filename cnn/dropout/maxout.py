"""`cuda_convnet_dropout` with maxout units (Goodfellow et al. 2013)."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.dropout import cuda_convnet_dropout
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets

SUMMARY = "convolutional network, maxout, dropout in all layers"
FOR = ("objects",)


@dataclass(frozen=True)
class Config(cuda_convnet_dropout.Config):
    pieces: int = 2
    unit_pieces: int = 2


PRESETS = presets(Config())
