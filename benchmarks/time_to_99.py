"""Seconds of training until 99 % of MNIST's test digits are classified correctly.

Compares `lenet5` and a short cycle with the usual loop: network, optimiser and batch
size of PyTorch's MNIST example (github.com/pytorch/examples, mnist) and a DataLoader
that converts one image after another into a tensor. Both are scored after every epoch;
the time for scoring is not counted. Using the test digits to decide when to stop is
legitimate only here, because time is measured and no error is reported.

With VISBASE_DEVICE=cuda, only `lenet5` is measured, on the GPU.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from visbase.cnn import lenet5
from visbase.cnn.training.device import choose_device, device_name
from visbase.cnn.training.trainer import Recipe, log_probabilities, train
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.experiments.provenance import cpu, n_cores, versions

AIM_PCT = 99.0
REPEATS = 3
MAX_EPOCHS = 6  # of the usual loop
RECIPE = Recipe(epochs=3, learning_rate=4e-3)  # a short cycle
MEAN, DEVIATION = 33.3, 78.6  # of the training pixels


class Digits(TorchDataset[tuple[Tensor, int]]):
    """One image at a time, like torchvision's MNIST with its two transforms."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        pixels = self.images[i][None].float().div(255)
        return pixels.sub(0.1307).div(0.3081), int(self.labels[i])


class ExampleNet(nn.Module):
    """Two convolutions with 32 and 64 maps, then 9216 - 128 - 10, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(1, 32, 3)
        self.convolution2 = nn.Conv2d(32, 64, 3)
        self.linear1 = nn.Linear(9216, 128)
        self.linear2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.convolution2(F.relu(self.convolution1(x))))
        x = F.dropout(F.max_pool2d(x, 2).flatten(1), 0.25, self.training)
        x = F.dropout(F.relu(self.linear1(x)), 0.5, self.training)
        return F.log_softmax(self.linear2(x), dim=1)


def usual_loop(data: Digits, seed: int, accuracy_pct: Callable[..., float]) -> float:
    """Seconds until AIM_PCT is reached; infinity if MAX_EPOCHS do not reach it."""
    torch.manual_seed(seed)
    network = ExampleNet()
    optimiser = torch.optim.Adadelta(network.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=1, gamma=0.7)
    loader = DataLoader(data, batch_size=64, shuffle=True)
    seconds = 0.0
    for _ in range(MAX_EPOCHS):
        started = time.perf_counter()
        network.train()
        for batch, targets in loader:
            optimiser.zero_grad()
            loss = F.nll_loss(network(batch), targets)
            loss.backward()
            optimiser.step()
        schedule.step()
        seconds += time.perf_counter() - started
        if accuracy_pct(network) >= AIM_PCT:
            return seconds
    return float("inf")


def ours(
    images: Tensor, labels: Tensor, seed: int, accuracy_pct: Callable[..., float]
) -> float:
    """Seconds until AIM_PCT is reached; infinity if the cycle ends below it."""
    torch.manual_seed(seed)
    network = lenet5.network(28, 28, 10, dropout=0.0).to(images.device)
    reached: list[bool] = []
    with tempfile.TemporaryDirectory() as folder:
        history = train(
            network,
            images,
            labels,
            RECIPE,
            None,
            seed,
            Path(folder) / "network.safetensors",
            lambda net: reached.append(accuracy_pct(net) >= AIM_PCT),
        )
    times = [epoch.seconds for epoch, ok in zip(history, reached, strict=True) if ok]
    return times[0] if times else float("inf")


def main() -> None:
    mnist = load_dataset("mnist")
    device = choose_device()
    raw, raw_test = (
        torch.from_numpy(np.array(split.images)).to(device)
        for split in (mnist.train, mnist.test)
    )
    labels, labels_test = (
        torch.from_numpy(split.labels).to(device) for split in (mnist.train, mnist.test)
    )
    images, images_test = (
        (pixels[:, None].float() - MEAN) / DEVIATION for pixels in (raw, raw_test)
    )

    def accuracy_pct(network: nn.Module) -> float:
        correct = log_probabilities(network, images_test).argmax(1) == labels_test
        return 100 * float(correct.float().mean())

    on_cpu = device.type == "cpu"
    times: dict[str, list[float]] = {"usual loop": []} if on_cpu else {}
    times["lenet5"] = []
    for seed in range(REPEATS):
        if on_cpu:
            seconds = usual_loop(Digits(raw, labels), seed, accuracy_pct)
            times["usual loop"].append(seconds)
        times["lenet5"].append(ours(images, labels, seed, accuracy_pct))
        print({name: round(t[-1], 1) for name, t in times.items()}, file=sys.stderr)
    lines = [
        "# Time to 99 %",
        "",
        f"Seconds of training until {AIM_PCT:g} % of the 10,000 test digits are "
        f"classified correctly, checked after every epoch. {REPEATS} runs of each, one "
        f"at a time, {torch.get_num_threads()} threads. {cpu()}, {n_cores()} cores, "
        f"{device_name(device)}; torch {versions()['torch']}.",
        "",
        "| training | median | minimum | maximum |",
        "| --- | --- | --- | --- |",
    ]
    for name, values in times.items():
        cells = (statistics.median(values), min(values), max(values))
        lines.append(f"| {name} | " + " | ".join(f"{s:.2f} s" for s in cells) + " |")
    if on_cpu:
        ratios = [u / o for u, o in zip(*times.values(), strict=True)]
        cells = (statistics.median(ratios), min(ratios), max(ratios))
        lines.append("| ratio | " + " | ".join(f"{r:.1f}" for r in cells) + " |")
    lines += ["", f"Recipe of `lenet5` here: {dataclasses.asdict(RECIPE)}."]
    text = "\n".join(lines) + "\n"
    name = "time_to_99.md" if on_cpu else f"time_to_99.{device.type}.md"
    (Path(__file__).parent / name).write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
