"""One step of training; on a GPU it is recorded once and then replayed.

The kernels of a small network take less time than Python takes to launch them. A CUDA
graph launches those of a whole step at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn

FIRST_STEPS = 3  # with a batch size, before one is recorded: libraries prepare in them


class Step:
    """Trains a network on one batch after another, and counts losses and errors.

    loss: (logits, targets) -> sum over the batch; replays: whether steps are recorded,
    which needs a CUDA device, and a network whose `forward` makes no choices in Python.
    loss_sum, n_wrong: over the batches since `start_count`.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        loss: Callable[[Tensor, Tensor], Tensor],
        device: torch.device,
        bfloat16: bool,
        replays: bool,
    ) -> None:
        self.network, self.optimiser, self.loss = network, optimiser, loss
        self.device, self.bfloat16, self.replays = device, bfloat16, replays
        self.on_gpu = device.type == "cuda"
        self.loss_sum = torch.zeros((), device=device)
        self.n_wrong = torch.zeros((), dtype=torch.int64, device=device)
        self.n_steps: Counter[int] = Counter()  # by batch size, like the recorded ones
        self.recorded: dict[int, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        if replays:
            self.stream = torch.cuda.Stream(device)
        for group in optimiser.param_groups if self.on_gpu else ():
            group["lr"] = torch.tensor(group["lr"], device=device)
            for parameter in group["params"]:
                if parameter.requires_grad:
                    # laid out in memory like the parameter, which a fused step requires
                    parameter.grad = torch.zeros_like(parameter)

    def start_count(self) -> None:
        self.loss_sum.zero_()
        self.n_wrong.zero_()

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of each group: `rate` times its rate_factor."""
        for group in self.optimiser.param_groups:
            if self.on_gpu:
                group["lr"].fill_(rate * group["rate_factor"])
            else:
                group["lr"] = rate * group["rate_factor"]

    def __call__(self, batch: Tensor, targets: Tensor, weight: float) -> None:
        """Take a step on a batch (n, c, h, w), targets (n,): loss times weight.

        The weight of batches of one size must not change.
        """
        n = len(batch)
        self.n_steps[n] += 1
        if not self.replays:
            self._learn(batch, targets, weight)
        elif self.n_steps[n] <= FIRST_STEPS:
            # what is recorded later must not have waited for the usual stream
            self.stream.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(self.stream):
                self._learn(batch, targets, weight)
            torch.cuda.current_stream(self.device).wait_stream(self.stream)
        else:
            if n not in self.recorded:
                self.recorded[n] = self._record(batch, targets, weight)
            graph, its_batch, its_targets = self.recorded[n]
            its_batch.copy_(batch)
            its_targets.copy_(targets)
            graph.replay()

    def _record(
        self, batch: Tensor, targets: Tensor, weight: float
    ) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        """A step, and the batch and targets that it takes; nothing is computed yet."""
        batch, targets = batch.clone(), targets.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            self._learn(batch, targets, weight)
        return graph, batch, targets

    def _learn(self, batch: Tensor, targets: Tensor, weight: float) -> None:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = self.network(batch)
        logits = logits.float()
        loss = self.loss(logits, targets)
        self.optimiser.zero_grad(set_to_none=not self.on_gpu)
        (loss * weight).backward()
        self.optimiser.step()
        self.loss_sum += loss.detach()
        self.n_wrong += (logits.detach().argmax(1) != targets).sum()
