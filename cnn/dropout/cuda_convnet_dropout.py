"""`cuda_convnet` with dropout in all layers (Srivastava et al. 2014, appendix B.2)."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.dropout import cuda_convnet
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets

SUMMARY = "convolutional network, max pooling, dropout in all layers"
FOR = ("objects",)


@dataclass(frozen=True)
class Config(cuda_convnet.Config):
    input_dropout: float = 0.1
    map_dropout: tuple[float, ...] = (0.25, 0.25, 0.5)
    unit_dropout: float = 0.5


PRESETS = presets(Config())

LESS = {"input_dropout": 0.05, "map_dropout": (0.1, 0.1, 0.25)}

SEARCH = (
    {"epochs": 150},
    {"epochs": 400},
    LESS,
    LESS | {"epochs": 150},
)
