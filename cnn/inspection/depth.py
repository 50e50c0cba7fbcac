"""Depth experiment: networks of increasing depth, with and without shortcuts.

The lecture's point: very deep plain networks train worse than shallower ones, residual
networks do not (He et al. 2016, figures 1 and 6). The runs are short, on part of the
training digits and without distortions, so that the training error shows how well a
network can be trained. The last 10,000 training digits are held out for validation.
`make depth` runs it and writes docs/depth.md, depth.csv and depth.png.
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.residual import residual_network
from visbase.cnn.training.checkpoint import Epoch
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Split, hold_out, part
from visbase.pipeline.evaluation import error_pct, n_errors
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.tables import to_csv

DEPTHS = (8, 20, 44)
WIDTH = 16
N_TRAIN = 10_000
SEEDS = (0, 1, 2)
RECIPE = Recipe(epochs=6, learning_rate=2e-3)
NETS = [(depth, shortcut) for depth in DEPTHS for shortcut in (False, True)]

Net = tuple[int, bool]  # depth, with shortcuts


@dataclass(frozen=True)
class Outcome:
    """Training histories and validation errors in percent of one net, one per seed."""

    histories: list[list[Epoch]]
    validation_pct: list[float]

    def mean_history(self, name: str) -> list[float]:
        """Mean over seeds of one field of the histories, for each epoch."""
        values = [
            [getattr(epoch, name) for epoch in history] for history in self.histories
        ]
        return [float(value) for value in np.mean(values, axis=0)]


def main() -> None:
    train, validation = hold_out(load_dataset("mnist").train, 10_000)
    train = part(train, slice(0, N_TRAIN))
    outcomes = {net: run(net, train, validation) for net in NETS}
    folder = ROOT / "docs"
    with atomic_write(folder / "depth.csv") as file:
        file.write(csv_of(outcomes).encode())
    with atomic_write(folder / "depth.md") as file:
        file.write(to_markdown(outcomes).encode())
    with atomic_write(folder / "depth.png") as file:
        draw(outcomes).savefig(file, format="png", dpi=120)
    print(to_markdown(outcomes))


def run(net: Net, train: Split, validation: Split) -> Outcome:
    """Train one net with every seed and count its errors on the validation images."""
    depth, shortcut = net

    def make_network(
        _height: int, _width: int, n_classes: int, channels: int
    ) -> nn.Module:
        return residual_network(depth, WIDTH, shortcut, n_classes, channels)

    outcome = Outcome([], [])
    for seed in SEEDS:
        model = NetworkClassifier(make_network, RECIPE, seed)
        model.fit(train.images, train.labels)
        wrong = n_errors(validation.labels, model.predict(validation.images))
        outcome.histories.extend(model.histories)
        outcome.validation_pct.append(error_pct(wrong, len(validation)))
    return outcome


def csv_of(outcomes: dict[Net, Outcome]) -> str:
    """One line per epoch of every run."""
    rows = [
        {
            "depth": depth,
            "shortcuts": int(shortcut),
            "seed": seed,
            "epoch": number,
            "loss": epoch.loss,
            "error_pct": epoch.error_pct,
        }
        for (depth, shortcut), outcome in outcomes.items()
        for seed, history in zip(SEEDS, outcome.histories, strict=True)
        for number, epoch in enumerate(history, 1)
    ]
    return to_csv(("depth", "shortcuts", "seed", "epoch", "loss", "error_pct"), rows)


def to_markdown(outcomes: dict[Net, Outcome]) -> str:
    """One table row per net, means over the seeds, and what they show."""
    lines = [
        "# Depth, with and without shortcuts",
        "",
        f"Written by `make depth`. Every network trains on {N_TRAIN:,} digits for "
        f"{RECIPE.epochs} epochs, without distortions, with {WIDTH} channels in the "
        f"first stage and seeds {SEEDS[0]} to {SEEDS[-1]}. Loss and training error: "
        "mean over the seeds on the training batches of the last epoch. Validation "
        "error: mean and standard deviation on the last 10,000 training digits, which "
        "are held out.",
        "",
        "| layers | shortcuts | loss | training error % | validation error % |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (depth, shortcut), outcome in outcomes.items():
        cells = [str(depth), "yes" if shortcut else "no"]
        cells += [f"{outcome.mean_history('loss')[-1]:.4f}"]
        cells += [f"{outcome.mean_history('error_pct')[-1]:.2f}"]
        mean, deviation = (
            np.mean(outcome.validation_pct),
            np.std(outcome.validation_pct, ddof=1),
        )
        cells += [f"{mean:.2f} ± {deviation:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    shallow, deep = min(DEPTHS), max(DEPTHS)
    loss = {net: outcome.mean_history("loss")[-1] for net, outcome in outcomes.items()}
    for shortcut in (False, True):
        word = "higher" if loss[deep, shortcut] > loss[shallow, shortcut] else "lower"
        lines += [
            "",
            f"{'With' if shortcut else 'Without'} shortcuts, {deep} layers have a "
            f"{word} training loss than {shallow} layers: {loss[deep, shortcut]:.4f} "
            f"compared with {loss[shallow, shortcut]:.4f}.",
        ]
    lines += ["", "![Training loss per epoch](depth.png)", ""]
    return "\n".join(lines)


def draw(outcomes: dict[Net, Outcome]) -> Figure:
    """Training loss per epoch, plain networks next to residual networks."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="tight")
    for axis, shortcut in zip(axes, (False, True), strict=True):
        for depth in DEPTHS:
            losses = outcomes[depth, shortcut].mean_history("loss")
            axis.plot(
                range(1, len(losses) + 1), losses, marker="o", label=f"{depth} layers"
            )
        axis.set_title("with shortcuts" if shortcut else "without shortcuts")
        axis.set_xlabel("epoch")
        axis.set_yscale("log")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("training loss")
    axes[1].legend()
    return figure


if __name__ == "__main__":
    main()
