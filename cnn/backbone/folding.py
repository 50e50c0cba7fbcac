"""Batch normalisation folded into the convolution before it, for faster inference."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-3  # of the largest output


def folded(network: nn.Module, example: torch.Tensor) -> nn.Module:
    """The network with convolution and batch normalisation as one step, channels last.

    Weights are scaled in advance (Jacob et al. 2018, section 3.2), exact but for
    rounding. A convolution is taken to precede the batch normalisation that its module
    lists next; where that is not so, the outputs for the example (n, 3, h, w) differ,
    and the network is returned as it was.
    """
    result = copy.deepcopy(network)
    _fold(result)
    result.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode():
        expected, found = network(example), result(example)
    largest = TOLERANCE * float(expected.abs().max())
    return result if bool((expected - found).abs().max() <= largest) else network


def _fold(module: nn.Module) -> None:
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if (
            isinstance(child, nn.BatchNorm2d)
            and before is not None
            and isinstance(before[1], nn.Conv2d)
        ):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            # timm's batch normalisation includes the activation
            setattr(module, name, getattr(child, "act", nn.Identity()))
        else:
            _fold(child)
        before = name, child
