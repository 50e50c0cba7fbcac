"""Dropout, stochastic pooling, maxout, and weights with a limit or a cost."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST = 1e-12  # instead of dividing by 0 where all activations are 0


def _drawn(x: Tensor) -> Tensor:
    """Whole numbers of 16 bits, -32,768 to 32,767, in the shape and layout of x."""
    # a draw of 64 bits has four: a fifth of the time of `rand`, a fifteenth of that of
    # `bernoulli_`
    draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
    layout = torch.empty_like(x, dtype=torch.int16)
    values = draws.random_(-(2**63), None).view(torch.int16)
    return values.as_strided(layout.shape, layout.stride())


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, faster on CPUs, where p is a multiple of 1 / 65,536."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        if x.device.type != "cpu":
            return super().forward(x)
        kept = _drawn(x) >= round(self.p * 2**16) - 2**15
        return x * (kept.to(x.dtype) / (1 - self.p))


class StochasticPool2d(nn.Module):
    """Rectify, then pool by chance (Zeiler & Fergus 2013, "Stochastic pooling").

    (n, c, h, w) -> (n, c, h', w') as max pooling with this size, stride 2 and a padding
    of (size_px - 1) // 2. Training takes an activation a_i of each window with
    probability a_i / sum(a); otherwise the output is the mean that these probabilities
    give, sum(a^2) / sum(a).
    """

    def __init__(self, size_px: int) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = size_px, 2, (size_px - 1) // 2
        self.window = self.kernel_size, self.stride, self.padding

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            x = x.float().relu()
            mean = F.avg_pool2d(x, *self.window)
            return F.avg_pool2d(x.square(), *self.window) / mean.clamp_min(LEAST)
        # The largest of a_i / e_i, with e_i from one exponential distribution, is a_i
        # with probability a_i / sum(a): a max pooling chooses in all windows at once.
        # Windows that overlap share their e_i, which leaves each one's probabilities.
        # A quarter is left to rectify once chosen: what is not above 0 is chosen last.
        waits = _drawn(x).float().add_(2**15 + 0.5).mul_(2**-16).log_().neg_()
        _, chosen = F.max_pool2d(
            x.detach().float() / waits, *self.window, return_indices=True
        )
        pixels, chosen = x.permute(0, 2, 3, 1), chosen.permute(0, 2, 3, 1)
        pooled = pixels.flatten(1, 2).gather(1, chosen.flatten(1, 2))
        return pooled.view(chosen.shape).permute(0, 3, 1, 2).relu()

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


class Constrained(nn.Sequential):
    """Layers in turn whose weights have a limit and a cost.

    max_norm: before every training step, each unit's weights are scaled down to this
    length (Srivastava et al. 2014, section 5.1), 0 for no limit. costs: for each layer
    with weights c, which adds c / 2 * sum(weight^2) to the loss; none if empty.
    """

    def __init__(
        self, layers: Iterable[nn.Module], max_norm: float, costs: Sequence[float] = ()
    ) -> None:
        super().__init__(*layers)
        self.max_norm, self.costs = max_norm, tuple(costs)
        weighted = [m for m in self if isinstance(m, nn.Conv2d | nn.Linear)]
        for layer in weighted if max_norm else ():
            layer.register_forward_pre_hook(self._shorten)
        for layer, cost in zip(weighted if costs else (), costs, strict=True):
            weight = layer.weight  # the gradient of the cost is cost * weight
            weight.register_hook(functools.partial(_with_cost, weight, cost))

    def _shorten(self, layer: nn.Module, _inputs: object) -> None:
        if layer.training:
            with torch.no_grad():
                layer.get_parameter("weight").renorm_(2, 0, self.max_norm)

    def extra_repr(self) -> str:  # by which checkpoints tell such networks apart
        return f"max_norm={self.max_norm}, costs={self.costs}"


def _with_cost(weight: Tensor, cost: float, gradient: Tensor) -> Tensor:
    return gradient + cost * weight.detach()
