"""`cuda_convnet` with dropout of hidden units (Srivastava et al. 2014)."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.dropout import cuda_convnet
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets

SUMMARY = "convolutional network, max pooling, dropout in fully connected layers"
FOR = ("objects",)


@dataclass(frozen=True)
class Config(cuda_convnet.Config):
    unit_dropout: float = 0.5


PRESETS = presets(Config())
