"""The learning curve of each method: accuracy against training photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from visbase.reports.charts import Chart
from visbase.reports.comparison.contestants import Contestant

Curve = dict[int, float]  # training photographs -> accuracy (%), sizes ascending


def learning_curve(contestant: Contestant) -> Curve:
    """Average the accuracy over the splits that were also trained on parts.

    Empty if there is none.
    """
    if contestant.curve is None:
        return {}
    sizes, splits = contestant.curve
    percents = 100 * np.mean([right.mean(axis=1) for right in splits], axis=0)
    return dict(zip(sizes, percents.tolist(), strict=True))


def chart(curves: dict[str, Curve], families: Mapping[str, str]) -> Chart:
    """Show curves by method; families: method -> family."""
    return Chart(
        kind="lines",
        title="Accuracy after training on a part of the photographs",
        x="number of training photographs",
        y="accuracy (%)",
        log="x",
        rows=[
            {"method": name, "family": families[name], "x": size, "y": percent}
            for name, curve in curves.items()
            for size, percent in curve.items()
        ],
    )


def table(curves: dict[str, Curve]) -> list[tuple[str, Sequence[str]]]:
    """Return a row per size: photographs and each method's accuracy, "" if unknown."""
    sizes = sorted({size for curve in curves.values() for size in curve})
    return [
        (
            f"{size:,}",
            [f"{c[size]:.1f}" if size in c else "" for c in curves.values()],
        )
        for size in sizes
    ]
