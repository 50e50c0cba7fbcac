"""The learning curve of each method: accuracy against training photographs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visbase.reports.comparison.contestants import Contestant

Curve = dict[int, float]  # training photographs -> accuracy (%), sizes ascending


def learning_curve(contestant: Contestant) -> Curve:
    """Average the accuracy over the splits that were also trained on parts.

    Each part has half the photographs of the next. Empty if no split has a curve.
    """
    sizes, accuracies = [], []
    for answers in contestant.answers:
        if "curve" in answers.extras:
            parts = answers.extras["curve"]  # (sizes, n)
            shares = 0.5 ** np.arange(len(parts), -1, -1)
            sizes.append(answers.record.n_train * shares)
            right = (parts == answers.truth).mean(axis=1)
            accuracies.append([*right, answers.accuracy])
    if not sizes:
        return {}
    n_train = np.rint(np.mean(sizes, axis=0)).astype(int).tolist()
    percents = (100 * np.mean(accuracies, axis=0)).tolist()
    return dict(zip(n_train, percents, strict=True))


def draw(curves: dict[str, Curve], families: dict[str, str]) -> str:
    """Draw curves by method as an SVG element; families: method -> family."""
    import matplotlib.pyplot as plt  # slow to import

    from visbase.reports.figures import STYLE, line_styles, svg_of

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(5.2, 3.2))
        for name, style in line_styles(list(curves), families).items():
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
