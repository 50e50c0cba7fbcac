"""Optimisers: AdamW, and SGD with momentum in its usual and in Nesterov's form."""

from __future__ import annotations

import torch
from torch import nn

SHIFT_RATE = (
    64  # of the norms' shifts, relative to all others (Jordan 2024, section 3.4)
)


def make_optimiser(
    network: nn.Module, name: str, rate: float, decay: float
) -> torch.optim.Optimizer:
    """The optimiser of a name. Weights w, gradient g, rate r, decay d, step t:

    sgd (Krizhevsky et al. 2012, section 5): v <- 0.9 v + g + d w; w <- w - r v.
    nesterov (Sutskever et al. 2013): v <- 0.85 v + g + d w; w <- w - r (g + d w +
    0.85 v), where the shifts of batch norms have SHIFT_RATE times the rate and the same
    product of rate and decay (Jordan 2024, "94 % on CIFAR-10 in 3.29 seconds").
    adamw (Loshchilov & Hutter 2019, algorithm 2): m <- 0.9 m + 0.1 g and
    s <- 0.999 s + 0.001 g^2; with m' = m / (1 - 0.9^t) and s' = s / (1 - 0.999^t),
    w <- (1 - r d) w - r m' / (sqrt(s') + 1e-8).

    Each group has `rate_factor`, by which its rate differs from the schedule's.
    """
    shifts = []
    if name == "nesterov":
        norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        shifts = [norm.bias for norm in norms]
    ids = {id(shift) for shift in shifts}
    others = [p for p in network.parameters() if id(p) not in ids]
    groups = [{"params": others, "rate_factor": 1.0}]
    if shifts:
        shift_decay = decay / SHIFT_RATE
        groups.append(
            {"params": shifts, "rate_factor": SHIFT_RATE, "weight_decay": shift_decay}
        )
    on_gpu = others[0].is_cuda  # where a step can be recorded, see `Step`
    if name == "adamw":
        # fused: one pass over all weights; an epoch of lenet5 takes 0.92 of the time
        return torch.optim.AdamW(
            groups, rate, weight_decay=decay, fused=True, capturable=on_gpu
        )
    nesterov = name == "nesterov"
    return torch.optim.SGD(
        groups,
        rate,
        momentum=0.85 if nesterov else 0.9,
        weight_decay=decay,
        nesterov=nesterov,
        fused=on_gpu or None,
    )
