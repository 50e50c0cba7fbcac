"""The README's charts, drawn by matplotlib as SVG on a white background."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib

matplotlib.use("agg")  # in case it was imported before MPLBACKEND was set

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visbase.reports.charts import COSTS, pareto_front
from visbase.reports.measures import Row

INK = "#010203"  # replaced below: the names of marks in the SVG derive from it
COLOURS = {"classical": "#c2571a", "network": "#2b7bba"}
PUBLISHED = "#8a8a8a"
STYLE: Any = [
    "default",  # ignore the user's own style
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "visbase",
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": "#8a8a8a",
        "grid.alpha": 0.3,
        "legend.frameon": False,
    },
]


def error_chart(rows: Sequence[Row], families: dict[str, str]) -> str:
    """Draw the error of every method with its interval and the published figures.

    Small dots below each method show its seeds. families: method -> family.
    """
    shown = [row for row in rows if row.seeds]
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 0.33 * len(shown) + 1.1))
        for y, row in enumerate(shown):
            colour = COLOURS[families[row.method]]
            low, high = row["low_pct"], row["high_pct"]
            axes.plot([low, high], [y, y], color=colour, linewidth=2)
            axes.plot(row["error_pct"], y, "o", color=colour, markersize=6)
            if len(row.seeds) > 1:
                errors = row.errors_pct
                axes.plot(errors, [y + 0.3] * len(errors), ".", color=colour, alpha=0.5)
            if row.lecture is not None:
                axes.plot(row.lecture.error_pct, y, "|", color=PUBLISHED, markersize=12)
        axes.set_yticks(range(len(shown)), [row.method for row in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        log_axis(axes, "x")
        axes.set_xlabel("test error (%) with 95 % interval; small dots: single seeds")
        family_legend(axes, published=True)
        return svg_of(figure)


def cost_chart(rows: Sequence[Row], families: dict[str, str], cost: str) -> str:
    """Draw error against one cost, a key of COSTS, and the Pareto front as a line."""
    shown = [row for row in rows if row.seeds and row[cost] > 0]
    points = [(row[cost], row["error_pct"]) for row in shown]
    front = pareto_front(points)
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 4.4))
        joined = np.array(sorted(points[i] for i in front)).reshape(-1, 2)
        axes.step(*joined.T, where="post", color=PUBLISHED, linewidth=1)
        for i, row in enumerate(shown):
            colour = COLOURS[families[row.method]]
            fill = colour if i in front else "none"
            axes.plot(*points[i], "o", markeredgecolor=colour, markerfacecolor=fill)
        if points:  # an empty axis cannot be logarithmic
            log_axis(axes, "y")
            axes.set_xscale("log")
        axes.grid(visible=True, which="major")
        axes.set_xlabel(COSTS[cost])
        axes.set_ylabel("test error (%)")
        label_points(axes, [row.method for row in shown], points)
        family_legend(axes, front=True)
        return svg_of(figure)


def label_points(
    axes: Axes, names: Sequence[str], points: Sequence[tuple[float, float]]
) -> None:
    """Write names beside points, moved down so that they cover no point or name."""
    axes.margins(x=0.16)
    pixel = axes.figure.dpi / 72
    # occupied boxes in pixels: left, right, vertical middle
    places = [axes.transData.transform(point) for point in points]
    taken = [(x - 5 * pixel, x + 5 * pixel, y) for x, y in places]
    for (x, y), name, point in sorted(
        zip(places, names, points, strict=True), key=lambda label: -label[0][1]
    ):
        left, right = x + 6 * pixel, x + (6 + 4.6 * len(name)) * pixel
        offset = 0.0
        while any(
            left < b and a < right and abs(y + 6 * pixel + offset - middle) < 8 * pixel
            for a, b, middle in taken
        ):
            offset -= 2
        taken.append((left, right, y + 6 * pixel + offset))
        axes.annotate(
            name,
            point,
            (6, 3 + offset / pixel),
            textcoords="offset points",
            fontsize=8,
        )


def family_legend(axes: Axes, published: bool = False, front: bool = False) -> None:
    """Add a legend of the families and, if asked for, of the other marks."""
    for name, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, label=name)
    if published:
        axes.plot([], [], "|", color=PUBLISHED, markersize=12, label="published")
    if front:
        axes.plot([], [], color=PUBLISHED, linewidth=1, label="Pareto front (filled)")
    axes.legend(loc="best", fontsize=8)


def log_axis(axes: Axes, which: str) -> None:
    """Make the "x" or "y" axis logarithmic, labelled at 1, 2 and 5 of each decade."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log"})
    low, high = axis.get_view_interval()
    ticks = [
        factor * 10.0**decade
        for decade in range(math.floor(math.log10(low)), 3)
        for factor in (1, 2, 5)
    ]
    shown = [tick for tick in ticks if low <= tick <= high]
    axis.set_ticks(shown, [f"{tick:g}" for tick in shown])
    axis.set_ticks([], minor=True)
    axes.grid(visible=True, axis=which)  # type: ignore[arg-type]


def svg_of(figure: Figure) -> str:
    """Return the figure as an SVG element."""
    text = io.StringIO()
    figure.savefig(
        text,
        format="svg",
        bbox_inches="tight",
        metadata={"Date": None, "Creator": None},
    )
    plt.close(figure)
    svg = text.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "#1a1a1a")
