"""One trainer for every network, without a DataLoader: images in memory, or squares.

Photographs that are too many for the memory are `Squares`: the next batch is decoded
while the network learns from the last.

Loss: cross-entropy. Optimiser: AdamW (Loshchilov & Hutter 2019) or SGD with momentum.
Learning rate: `schedule`. The order, distortions and dropout of an epoch come from a
seed of its own, so that a run that continues from a checkpoint ends exactly where an
uninterrupted one does.

If the recipe allows it and the device supports it, convolutions and products are
computed in bfloat16, while weights and sums stay in float32 (Micikevicius et al. 2018,
"Mixed precision training"; bfloat16 has the exponent of float32, so the loss needs no
scaling).

Under torchrun every process draws the same batches and computes the gradient of its
share; PyTorch's DistributedDataParallel averages the gradients.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from visbase.cnn.training.checkpoint import Epoch, read_checkpoint, write_checkpoint
from visbase.cnn.training.cores import each_on_its_core
from visbase.cnn.training.device import (
    from_first,
    join_processes,
    multiplies_bfloat16,
    n_processes,
    require_same_checkpoint,
)
from visbase.cnn.training.optimiser import make_optimiser
from visbase.cnn.training.pixels import Pixels
from visbase.cnn.training.schedule import one_cycle, plateau, two_steps
from visbase.cnn.training.squares import Squares, ahead
from visbase.cnn.training.step import Step
from visbase.cnn.training.views import Views, alone, mean_of_views
from visbase.pipeline.errors import BadInput
from visbase.pipeline.progress import track

Augment = Callable[[Tensor, torch.Generator], Tensor]

OPTIMISERS = ("adamw", "sgd", "nesterov")
SCHEDULES = ("one_cycle", "plateau", "two_steps")
MAX_SCORED = 1000  # images per batch when scoring
MAX_SCORED_PX = MAX_SCORED * 40 * 40  # pixels per batch of larger images


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    optimiser: see `make_optimiser`. schedule: "one_cycle", in which learning_rate is
    the peak and warm_up the fraction of all steps that rises to it; "two_steps", in
    which the initial rate is divided by 10 after half and after three quarters of the
    steps; or "plateau", in which the initial rate is divided by 10 after
    `patience` epochs without progress on the last sixth of the training images, which
    is held out. epochs_for: number of training images that `epochs` is meant for; n
    images get sqrt(epochs_for / n) times as many, 0 leaves them. label_smoothing:
    probability that the target spreads over all classes. bfloat16: train with
    products in bfloat16 if the device multiplies it. balanced: weigh the loss of each
    image by n / (C n_class), so that all classes count the same.
    """

    epochs: int
    epochs_for: int = 0
    batch_size: int = 128
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "one_cycle"
    warm_up: float = 0.2
    patience: int = 3
    label_smoothing: float = 0.0
    bfloat16: bool = False
    balanced: bool = False

    def __post_init__(self) -> None:
        for name, is_valid, expected in (
            ("optimiser", self.optimiser in OPTIMISERS, " or ".join(OPTIMISERS)),
            ("schedule", self.schedule in SCHEDULES, " or ".join(SCHEDULES)),
            ("learning_rate", self.learning_rate > 0, "a value above 0"),
            (
                "label_smoothing",
                0 <= self.label_smoothing < 1,
                "a value of at least 0 and below 1",
            ),
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
        ):
            if not is_valid:
                raise BadInput(f"{name}={getattr(self, name)}: expected {expected}")

    def for_images(self, n: int) -> Recipe:
        """The recipe with the number of epochs for n training images."""
        if not self.epochs_for:
            return self
        epochs = max(1, round(self.epochs * math.sqrt(self.epochs_for / n)))
        return replace(self, epochs=epochs)


def train(
    network: nn.Module,
    images: Pixels | Tensor,
    labels: Tensor,
    recipe: Recipe,
    augment: Augment | None,
    seed: int,
    checkpoint: Path,
    watch: Callable[[nn.Module], None] | None = None,
    views: Views = alone,
) -> list[Epoch]:
    """Train a network in place, on the device that holds it and the data.

    images (n, c, h, w), labels (n,) int64. Writes `checkpoint` after every epoch, on a
    GPU in at most a tenth of the time, and continues from it if it exists. Calls
    `watch` with the network after every epoch; the seconds in the history exclude that.
    Held-out images are scored by the mean of their `views`. Returns the history.
    Raises BadInput if the loss is no longer finite.
    """
    rank, n_shares = join_processes(images.device), n_processes()
    if recipe.batch_size < n_shares:
        raise BadInput(
            f"batch_size={recipe.batch_size}: expected at least {n_shares}, one image "
            "per process"
        )
    share = slice(rank, None, n_shares)
    n_held_out = len(images) // 6 if recipe.schedule == "plateau" else 0
    n = len(images) - n_held_out
    optimiser = make_optimiser(
        network, recipe.optimiser, recipe.learning_rate, recipe.weight_decay
    )
    history = read_checkpoint(checkpoint, network, optimiser)
    spent_s = history[-1].seconds if history else 0.0
    started = next_write = time.perf_counter()
    parallel = network
    if n_shares > 1:
        require_same_checkpoint(len(history), images.device)
        parallel = DistributedDataParallel(network)
    steps = len(batch_sizes(n, recipe.batch_size))
    class_weights = None
    if recipe.balanced:
        counts = labels.bincount()
        class_weights = len(labels) / len(counts) / counts
    on_gpu = images.device.type == "cuda"
    step = Step(
        parallel,
        optimiser,
        functools.partial(_loss_sum, recipe=recipe, class_weights=class_weights),
        images.device,
        recipe.bfloat16 and multiplies_bfloat16(images.device),
        replays=on_gpu and n_shares == 1 and not _are_decoded(images),
    )
    epochs = range(len(history), recipe.epochs)
    bar = track(epochs, "epochs", len(epochs), lambda: _status(history))
    for epoch in epochs if rank else bar:
        torch.manual_seed(_seed(seed, epoch, rank + 1))  # dropout
        generator = torch.Generator().manual_seed(_seed(seed, epoch, 0))
        batches = _batches(images, labels[:n], recipe, augment, generator)
        if _are_decoded(images):
            batches = ahead(batches)
        network.train()
        step.start_count()
        n_seen = 0
        for number, (batch, targets) in enumerate(batches, epoch * steps + 1):
            rate = _rate(recipe, history, number, steps)
            step.set_rate(rate)
            # the mean over the whole batch, once the processes' gradients are averaged
            step(batch[share], targets[share], n_shares / len(targets))
            n_seen += len(targets[share])
        loss_sum = float(step.loss_sum)
        if not math.isfinite(loss_sum):
            raise BadInput(
                f"the training diverged: the loss of epoch {epoch + 1} is "
                f"{loss_sum}; set a lower learning_rate"
            )
        validation_pct = None
        if n_held_out:
            scores = log_probabilities(network, images, views, n)
            wrong = scores.argmax(1) != labels[n:]
            # of the first process: each has seen other batches to normalise by
            validation_pct = from_first(100 * wrong.float().mean())
        history.append(
            Epoch(
                loss=round(loss_sum / n_seen, 5),
                error_pct=round(100 * float(step.n_wrong) / n_seen, 3),
                validation_pct=validation_pct,
                rate=rate,
                seconds=round(spent_s + time.perf_counter() - started, 2),
            )
        )
        last = len(history) == recipe.epochs
        if rank == 0 and (last or time.perf_counter() >= next_write):
            began = time.perf_counter()
            write_checkpoint(checkpoint, network, None if last else optimiser, history)
            if on_gpu:  # whose epochs may take less time than to write their ends
                next_write = time.perf_counter() + 9 * (time.perf_counter() - began)
        if watch is not None:
            paused = time.perf_counter()
            watch(network)
            started += time.perf_counter() - paused
    return history


def _batches(
    images: Pixels | Tensor,
    labels: Tensor,
    recipe: Recipe,
    augment: Augment | None,
    generator: torch.Generator,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of all labels and their images in random order, the images distorted."""
    order = torch.randperm(len(labels), generator=generator)
    if not _are_decoded(images):
        order = order.to(images.device)
    for rows in order.split(batch_sizes(len(order), recipe.batch_size)):
        batch = images[rows]
        yield batch if augment is None else augment(batch, generator), labels[rows]


def _are_decoded(images: Pixels | Tensor) -> bool:
    return isinstance(images, Pixels) and isinstance(images.values, Squares)


def batch_sizes(n: int, batch_size: int) -> list[int]:
    """Divide n images into batches; a last one of one image joins the one before.

    Batch normalisation needs the deviation of at least two values.
    """
    sizes = [min(batch_size, n - first) for first in range(0, n, batch_size)]
    if len(sizes) > 1 and sizes[-1] == 1 < batch_size:
        sizes[-2:] = [batch_size + 1]
    return sizes


def log_probabilities(
    network: nn.Module, images: Pixels | Tensor, views: Views = alone, start: int = 0
) -> Tensor:
    """Log of the mean probabilities (n, C) of each image's views, in evaluation mode.

    images (n, c, h, w), of which those from `start` on are scored.
    """
    n = max(1, min(MAX_SCORED, MAX_SCORED_PX // images.shape[2:].numel()))
    starts = range(start, len(images), n)
    network.eval()
    with torch.inference_mode(), each_on_its_core(images.device):
        batches = (views(images[first : first + n]) for first in starts)
        return torch.cat([mean_of_views(network, batch) for batch in batches])


def _loss_sum(
    logits: Tensor, targets: Tensor, recipe: Recipe, class_weights: Tensor | None
) -> Tensor:
    """Sum of cross-entropies with smoothed targets (Szegedy et al. 2016, section 7)."""
    entropy = functools.partial(
        F.cross_entropy, logits, targets, label_smoothing=recipe.label_smoothing
    )
    if class_weights is None:
        return entropy(reduction="sum")
    # not by its `weight`, which would weigh the smoothed part by every class's weight
    return (class_weights[targets] * entropy(reduction="none")).sum()


def _rate(recipe: Recipe, history: list[Epoch], step: int, steps: int) -> float:
    """Learning rate of a step, counted from 1 across all epochs of `steps` steps."""
    if recipe.schedule == "plateau":
        errors = [epoch.validation_pct or 0.0 for epoch in history]
        return recipe.learning_rate * plateau(errors, recipe.patience)
    progress = step / (recipe.epochs * steps + 1)
    if recipe.schedule == "two_steps":
        return recipe.learning_rate * two_steps(progress)
    return recipe.learning_rate * one_cycle(progress, recipe.warm_up)


def _status(history: list[Epoch]) -> str:
    if not history:
        return ""
    last = history[-1]
    text = f"loss {last.loss:.4f}, training error {last.error_pct:.2f} %"
    if last.validation_pct is not None:
        text += f", validation error {last.validation_pct:.2f} %"
    return text


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
