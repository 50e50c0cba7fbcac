"""`cuda_convnet` with stochastic pooling (Zeiler & Fergus 2013)."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.dropout import cuda_convnet
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets

SUMMARY = "convolutional network, stochastic pooling"
FOR = ("objects",)


@dataclass(frozen=True)
class Config(cuda_convnet.Config):
    pooling: str = "stochastic"


PRESETS = presets(Config())
