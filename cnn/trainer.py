"""One trainer for every network: the whole data set as one tensor, no DataLoader.

Loss: cross-entropy. Optimiser: AdamW (Loshchilov & Hutter 2019). Rate: one cycle
(Smith & Topin 2019), up over the first part of all steps and down to nearly zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.progress import track

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    learning_rate: the peak of the cycle; warm_up: the part of all steps that rises;
    label_smoothing: mass that the target gives to the other classes.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up: float = 0.2
    label_smoothing: float = 0.0


def one_cycle(progress: float, warm_up: float) -> float:
    """Part of the peak rate at `progress` in (0, 1): linear up, half a cosine down.

    Smith & Topin 2019, with the cosine of Loshchilov & Hutter 2017, eq. 5.
    """
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def train(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    augment: Augment | None,
    generator: torch.Generator,
) -> None:
    """Fit a network in place.

    images (n, c, h, w) float32, labels (n,) int64; the generator draws the order of
    images and their distortions. The last, smaller batch of an epoch is used too.
    """
    n_steps = recipe.epochs * -(-len(images) // recipe.batch_size)
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: one_cycle((step + 1) / (n_steps + 1), recipe.warm_up)
    )
    network.train()
    for _ in track(range(recipe.epochs), "epochs", recipe.epochs):
        order = torch.randperm(len(images), generator=generator)
        for rows in order.split(recipe.batch_size):
            batch = images[rows]
            if augment is not None:
                batch = augment(batch, generator)
            loss = F.cross_entropy(
                network(batch), labels[rows], label_smoothing=recipe.label_smoothing
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
