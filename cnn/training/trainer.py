"""One trainer for every network: the whole data set as one tensor, no DataLoader.

Loss: cross-entropy. Optimiser: AdamW (Loshchilov & Hutter 2019) or SGD with momentum.
Rate: `schedule`. An epoch draws its order, distortions and dropout from its own seed,
so that a run which continues from a checkpoint ends where an uninterrupted one does.

Where a recipe allows it and the device can, convolutions and products are computed in
bfloat16, weights and sums kept in float32 (Micikevicius et al. 2018, "Mixed precision
training"; bfloat16 has float32's exponent and needs no scaling of the loss).

Under torchrun every process draws the same batches and computes the gradient of its
share; PyTorch's DistributedDataParallel averages them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from visbase.cnn.training.checkpoint import Epoch, read_checkpoint, write_checkpoint
from visbase.cnn.training.device import join_processes, multiplies_bfloat16, n_processes
from visbase.cnn.training.schedule import one_cycle, plateau
from visbase.pipeline.errors import BadInput
from visbase.pipeline.progress import track

Augment = Callable[[Tensor, torch.Generator], Tensor]

SCORED_AT_ONCE = 1000  # images


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    optimiser: "adamw" or "sgd" (momentum 0.9). schedule: "one_cycle", where
    learning_rate is the peak and warm_up the part of all steps that rises; or
    "plateau", where learning_rate is the first rate, divided by 10 after `patience`
    epochs without progress on the last sixth of the training images, which are held
    out for that. label_smoothing: mass that the target gives to the other classes.
    bfloat16: train with products of half the width where the device has them.
    """

    epochs: int
    batch_size: int = 128
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "one_cycle"
    warm_up: float = 0.2
    patience: int = 3
    label_smoothing: float = 0.0
    bfloat16: bool = False

    def __post_init__(self) -> None:
        for name, found, known in (
            ("optimiser", self.optimiser, ("adamw", "sgd")),
            ("schedule", self.schedule, ("one_cycle", "plateau")),
        ):
            if found not in known:
                raise BadInput(f"{name}={found}: expected {' or '.join(known)}")
        if not 0 <= self.label_smoothing < 1 or self.learning_rate <= 0:
            raise BadInput(
                "a network needs label_smoothing from 0 to below 1 and learning_rate "
                f"above 0, found {self.label_smoothing} and {self.learning_rate}"
            )
        if self.epochs < 1 or self.batch_size < 1:
            raise BadInput(
                "a network needs at least one epoch and one image a batch, found "
                f"{self.epochs} and {self.batch_size}"
            )


def train(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    augment: Augment | None,
    seed: int,
    checkpoint: Path,
    watch: Callable[[nn.Module], None] | None = None,
) -> list[Epoch]:
    """Fit a network in place, on the device where it and the data are.

    images (n, c, h, w) float32, labels (n,) int64. Writes `checkpoint` after every
    epoch and starts after the last one that it holds. `watch` sees the network after
    every epoch; the history's seconds leave its time out. Returns the training history.
    Raises BadInput where the loss is no longer finite.
    """
    rank, n_shares = join_processes(images.device), n_processes()
    if recipe.batch_size < n_shares:
        raise BadInput(
            f"a batch of {recipe.batch_size} images cannot be shared by {n_shares} "
            "processes; set a larger batch_size"
        )
    share = slice(rank, None, n_shares)
    n_held_out = len(images) // 6 if recipe.schedule == "plateau" else 0
    n = len(images) - n_held_out
    held_out = (images[n:], labels[n:])
    optimiser = _optimiser(network, recipe)
    history = read_checkpoint(checkpoint, network, optimiser)
    spent = history[-1].seconds if history else 0.0
    started = time.perf_counter()
    parallel = network
    if n_shares > 1:
        _agree(len(history), images.device)
        parallel = DistributedDataParallel(network)
    steps = -(-n // recipe.batch_size)
    half = recipe.bfloat16 and multiplies_bfloat16(images.device)
    todo = range(len(history), recipe.epochs)
    bar = track(todo, "epochs", len(todo), lambda: _status(history))
    for epoch in todo if rank else bar:
        torch.manual_seed(_seed(seed, epoch, rank + 1))  # dropout
        generator = torch.Generator().manual_seed(_seed(seed, epoch, 0))
        order = torch.randperm(n, generator=generator)
        network.train()
        loss_sum = wrong = torch.zeros((), device=images.device)
        n_seen = 0
        for step, rows in enumerate(order.split(recipe.batch_size)):
            rate = _rate(recipe, history, epoch * steps + step + 1, steps)
            for group in optimiser.param_groups:
                group["lr"] = rate
            batch, targets = images[rows], labels[rows]
            if augment is not None:
                batch = augment(batch, generator)
            batch, targets = batch[share], targets[share]
            with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
                logits = parallel(batch)
            logits = logits.float()
            loss = _loss_sum(logits, targets, recipe)
            optimiser.zero_grad(set_to_none=True)
            # the mean over the whole batch, once the processes' gradients are averaged
            (loss * (n_shares / len(rows))).backward()
            optimiser.step()
            loss_sum = loss_sum + loss.detach()
            wrong = wrong + (logits.detach().argmax(1) != targets).sum()
            n_seen += len(targets)
        if not math.isfinite(loss_sum):
            raise BadInput(
                f"the loss of epoch {epoch + 1} is {float(loss_sum)}: training has "
                "diverged; set a lower learning_rate"
            )
        history.append(
            Epoch(
                loss=round(float(loss_sum) / n_seen, 5),
                error_pct=round(100 * float(wrong) / n_seen, 3),
                validation_pct=_error_pct(network, *held_out) if n_held_out else None,
                rate=rate,
                seconds=round(spent + time.perf_counter() - started, 2),
            )
        )
        if rank == 0:
            last = len(history) == recipe.epochs
            write_checkpoint(checkpoint, network, None if last else optimiser, history)
        if watch is not None:
            paused = time.perf_counter()
            watch(network)
            started += time.perf_counter() - paused
    return history


def log_probabilities(network: nn.Module, images: Tensor) -> Tensor:
    """Scores (n, C) of images (n, c, h, w), the network in evaluation mode."""
    network.eval()
    with torch.inference_mode():
        batches = images.split(SCORED_AT_ONCE)
        return torch.cat([network(batch).log_softmax(1) for batch in batches])


def _error_pct(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    wrong = log_probabilities(network, images).argmax(1) != labels
    return 100 * float(wrong.float().mean())


def _loss_sum(logits: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
    """Cross-entropy with smoothed targets (Szegedy et al. 2016, section 7), summed."""
    smoothing = recipe.label_smoothing
    return F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="sum")


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Weights w, gradient g, rate r, decay d; one step of

    sgd (Krizhevsky et al. 2012, section 5): v <- 0.9 v + g + d w; w <- w - r v;
    adamw (Loshchilov & Hutter 2019, algorithm 2): means m <- 0.9 m + 0.1 g and
    s <- 0.999 s + 0.001 g^2, both divided by what is missing from 1 of their weights;
    w <- (1 - r d) w - r m / (sqrt(s) + 1e-8).
    """
    rate, decay = recipe.learning_rate, recipe.weight_decay
    parameters = network.parameters()
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay)
    # fused: all weights in one pass; an epoch of lenet5 takes 0.92 of the time
    return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)


def _rate(recipe: Recipe, history: list[Epoch], step: int, steps: int) -> float:
    """Rate of one step, counted from 1 over all epochs of `steps` steps."""
    if recipe.schedule == "plateau":
        errors = [epoch.validation_pct or 0.0 for epoch in history]
        return recipe.learning_rate * plateau(errors, recipe.patience)
    progress = step / (recipe.epochs * steps + 1)
    return recipe.learning_rate * one_cycle(progress, recipe.warm_up)


def _status(history: list[Epoch]) -> str:
    if not history:
        return ""
    last = history[-1]
    text = f"loss {last.loss:.4f}, training error {last.error_pct:.2f} %"
    if last.validation_pct is not None:
        text += f", validation error {last.validation_pct:.2f} %"
    return text


def _agree(n_epochs: int, device: torch.device) -> None:
    """Refuse to go on where the processes found different checkpoints."""
    found = [
        torch.zeros(1, dtype=torch.int64, device=device) for _ in range(n_processes())
    ]
    dist.all_gather(found, torch.tensor([n_epochs], device=device))
    epochs = [int(n) for n in found]
    if len(set(epochs)) > 1:
        raise BadInput(
            f"the processes found checkpoints of {epochs} epochs; let them share one "
            "folder for artifacts (VISBASE_ARTIFACTS), or remove the checkpoints"
        )


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
