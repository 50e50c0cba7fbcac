"""Stochastic pooling, maxout, and limits and costs of weights."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST = 1e-12  # instead of dividing by 0 where all activations are 0


class StochasticPool2d(nn.Module):
    """Pooling by chance (Zeiler & Fergus 2013, "Stochastic pooling").

    (n, c, h, w), not negative -> (n, c, h', w') as max pooling with this size, stride 2
    and a padding of (size_px - 1) // 2. Training takes an activation a_i of each window
    with probability a_i / sum(a); otherwise the output is the mean that these
    probabilities give, sum(a^2) / sum(a).
    """

    def __init__(self, size_px: int) -> None:
        super().__init__()
        self.window = (size_px, 2, (size_px - 1) // 2)  # with stride and padding

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            x = x.float()
            mean = F.avg_pool2d(x, *self.window)
            return F.avg_pool2d(x.square(), *self.window) / mean.clamp_min(LEAST)
        # The largest of a_i / e_i, with e_i from one exponential distribution, is a_i
        # with probability a_i / sum(a): a max pooling chooses in all windows at once.
        # Windows that overlap share their e_i, which leaves each one's probabilities.
        # The logarithm takes a third of the time of `exponential_`.
        waits = -torch.rand_like(x, dtype=torch.float32).log()
        ratios = x.detach() / waits
        _, chosen = F.max_pool2d(ratios, *self.window, return_indices=True)
        return x.flatten(2).gather(2, chosen.flatten(2)).view(chosen.shape)

    def extra_repr(self) -> str:
        return str(self.window)


class Maxout(nn.Module):
    """The largest of `pieces` linear functions (Goodfellow et al. 2013).

    (n, pieces * c, ...) -> (n, c, ...): the maximum of channels that are c apart.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        # pairs take half the time of `amax` over a new axis
        return functools.reduce(torch.maximum, x.chunk(self.pieces, 1))

    def extra_repr(self) -> str:
        return str(self.pieces)


def limit_norms(layer: nn.Conv2d | nn.Linear, most: float) -> None:
    """Scale each unit's weights down to the length `most` before every training step.

    The max-norm constraint of Srivastava et al. 2014, section 5.1.
    """

    def shorten(module: nn.Module, _inputs: object) -> None:
        if module.training:
            with torch.no_grad():
                layer.weight.renorm_(2, 0, most)

    layer.register_forward_pre_hook(shorten)


def add_cost(layer: nn.Conv2d | nn.Linear, cost: float) -> None:
    """Add cost / 2 * sum(weight^2) of one layer to the loss, through its gradient."""
    weight = layer.weight
    weight.register_hook(lambda gradient: gradient + cost * weight.detach())
