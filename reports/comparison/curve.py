"""The learning curve of each method: accuracy against training photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

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


def draw(curves: dict[str, Curve], families: Mapping[str, str]) -> str:
    """Draw curves by method as an SVG element; families: method -> family."""
    import matplotlib.pyplot as plt  # slow to import

    from visbase.reports.figures import STYLE, line_styles, svg_of

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(5.2, 3.2))
        for name, style in line_styles(list(curves), dict(families)).items():
            sizes, percents = list(curves[name]), list(curves[name].values())
            axes.plot(sizes, percents, label=name, marker=".", **style)
        sizes = sorted({size for curve in curves.values() for size in curve})
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xticks([], minor=True)
        axes.grid(visible=True)
        axes.set_xlabel("number of training photographs")
        axes.set_ylabel("accuracy (%)")
        axes.legend(fontsize=8)
        return svg_of(figure, "none")


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
