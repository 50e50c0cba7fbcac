"""Vanishing gradients: how much of it reaches each layer of a deep network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.experiments.measured.demonstrations import GradientNorm
from visbase.reports.charts import Chart
from visbase.reports.findings import Finding, machine, read_evidence
from visbase.reports.measures import Runs

ORDER = 82
NAME = "gradients"
COLUMNS = GradientNorm.__struct_fields__
LEAST = 1e-45  # float32 has no smaller number, and 0 no logarithm
NETWORKS = {0: "plain", 1: "residual"}  # by shortcuts
BATCH_NORM = {0: "without", 1: "with"}  # by normalised
Rows = Sequence[GradientNorm]
Key = tuple[int, int, int]  # normalised, shortcuts, epoch


def find(folder: Path, dataset: Dataset, _runs: Sequence[Runs]) -> Finding | None:
    """Read demonstrations/<dataset>/gradients.csv in the reports' folder."""
    table = folder / "demonstrations" / dataset.name / "gradients.csv"
    rows = read_evidence(table, GradientNorm)
    if not rows:
        return None
    return Finding(
        name=NAME,
        title=f"Vanishing gradients in networks of {rows[0].depth} layers",
        sentences=[*sentences(rows), machine(rows[0])],
        charts=[_chart(rows)],
        columns=COLUMNS,
        rows=rows,
        head=(
            *(
                "network",
                "batch normalisation",
                "epochs",
                "gradient in the first layer",
            ),
            *("in the last layer", "loss"),
        ),
        table=[
            (
                NETWORKS[shortcuts],
                "yes" if normalised else "no",
                str(epoch),
                f"{norms[0]:.1e}",
                f"{norms[-1]:.1e}",
                f"{_loss(rows, (normalised, shortcuts, epoch)):.3f}",
            )
            for (normalised, shortcuts, epoch), norms in _norms(rows).items()
        ],
        section="lecture",
    )


def sentences(rows: Rows) -> list[str]:
    """Compare the gradients in the first layer, and the losses after training."""
    norms, last = _norms(rows), max(row.epoch for row in rows)
    lines = []
    for normalised, word in BATCH_NORM.items():
        plain, residual = ((normalised, shortcuts, 0) for shortcuts in NETWORKS)
        after = [_loss(rows, (normalised, shortcuts, last)) for shortcuts in NETWORKS]
        lines.append(
            f"{word.capitalize()} batch normalisation, the gradient that reaches the "
            f"first layer before training has a norm of {norms[plain][0]:.1e} in the "
            f"plain network and of {norms[residual][0]:.1e} in the residual one "
            f"(last layer: {norms[plain][-1]:.1e} and {norms[residual][-1]:.1e}). "
            f"After {last} epochs, their training losses are {after[0]:.3f} and "
            f"{after[1]:.3f}."
        )
    return lines


def _norms(rows: Rows) -> dict[Key, list[float]]:
    """Geometric mean over seeds of the norm in each layer, by network and epoch."""
    found: dict[Key, dict[int, list[float]]] = {}
    for row in rows:
        layers = found.setdefault((row.normalised, row.shortcuts, row.epoch), {})
        layers.setdefault(row.layer, []).append(max(row.norm, LEAST))
    return {
        key: [float(np.exp(np.mean(np.log(layers[n])))) for n in sorted(layers)]
        for key, layers in found.items()
    }


def _loss(rows: Rows, key: Key) -> float:
    """Mean over seeds."""
    losses = [r.loss for r in rows if (r.normalised, r.shortcuts, r.epoch) == key]
    return float(np.mean(losses))


def _chart(rows: Rows) -> Chart:
    def panel(normalised: int, epoch: int) -> str:
        when = f"after {epoch} epochs" if epoch else "before training"
        return f"{BATCH_NORM[normalised]} batch norm., {when}"

    return Chart(
        "lines",
        "Norm of the gradient in the outputs of each layer (geometric mean over seeds)",
        "layer",
        "norm (power of ten)",
        [
            {
                "method": NETWORKS[shortcuts],
                "panel": panel(normalised, epoch),
                "x": layer,
                "y": round(float(np.log10(norm)), 2),
            }
            for (normalised, shortcuts, epoch), norms in _norms(rows).items()
            for layer, norm in enumerate(norms, 1)
        ],
    )
