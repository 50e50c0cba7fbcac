"""A convolutional network with nine searched settings (Snoek et al. 2012, section 4.4).

`cuda_convnet` without hidden layers, with normalised responses. The nine: epochs, rate,
a weight cost for each of the four layers, and size, scale and power of the
normalisation. Snoek et al. choose them by Bayesian optimisation; SEARCH draws them at
random (Bergstra & Bengio 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from visbase.cnn.dropout import cuda_convnet
from visbase.cnn.dropout.cuda_convnet import build as build
from visbase.cnn.dropout.cuda_convnet import presets

SUMMARY = "convolutional network, max pooling, nine settings to be searched"
FOR = ("objects",)
N_TRIALS = 24


@dataclass(frozen=True)
class Config(cuda_convnet.Config):
    """Near the settings of cuda-convnet, not searched yet."""

    units: tuple[int, ...] = ()
    max_norm: float = 0.0
    response_px: int = 3
    weight_costs: tuple[float, ...] = (0.004, 0.004, 0.004, 0.01)
    weight_decay: float = 0.0
    learning_rate: float = 0.01


PRESETS = presets(Config())


def draw(rng: np.random.Generator) -> dict[str, Any]:
    """Draw the nine settings, all but the epochs and the size log-uniformly."""

    def between(low: float, high: float) -> float:
        return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.2g}")

    return {
        "epochs": int(rng.integers(20, 51)),
        "learning_rate": between(0.003, 0.1),
        "weight_costs": tuple(between(1e-5, 1e-2) for _ in range(4)),
        "response_px": int(rng.integers(1, 6)) * 2 - 1,
        "response_scale": between(1e-5, 1e-2),
        "response_power": between(0.25, 1.5),
    }


SEARCH = tuple(draw(np.random.default_rng(i)) for i in range(N_TRIALS))
