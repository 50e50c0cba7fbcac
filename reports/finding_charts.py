"""Charts of what was measured beyond the table, as SVG in the style of `figures`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from visbase.reports.figures import (
    COLOURS,
    PUBLISHED,
    STYLE,
    family_legend,
    label_points,
    log_axis,
    svg_of,
)


def size_chart(
    curves: dict[str, dict[int, tuple[float, float, float]]],
    families: dict[str, str],
    ground: str,
) -> str:
    """Error against training images: method -> size -> mean, low, high in percent."""
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 4.6))
        for name, style in _styles(list(curves), families).items():
            sizes, values = list(curves[name]), np.array(list(curves[name].values()))
            values = np.maximum(values, 0.01)  # the axis has no zero
            axes.plot(sizes, values[:, 0], label=name, marker=".", **style)
            low, high = values[:, 1], values[:, 2]
            axes.fill_between(sizes, low, high, color=style["color"], alpha=0.15)
        axes.set_xscale("log")
        log_axis(axes, "y")
        axes.grid(visible=True)
        axes.set_xlabel("training images")
        axes.set_ylabel("test error, %, with 95 % interval")
        axes.legend(fontsize=8)
        return svg_of(figure, ground)


def damage_chart(
    errors: dict[str, dict[str, list[float]]], families: dict[str, str], ground: str
) -> str:
    """A small chart a damage: method -> damage -> error at levels 0 to 5, percent."""
    kinds = list(next(iter(errors.values())))
    with plt.style.context(STYLE):
        n_rows = -(-len(kinds) // 4)
        size = (7.6, 1.7 * n_rows + 0.5)
        figure, grid = plt.subplots(n_rows, 4, figsize=size, sharex=True, sharey=True)
        for kind, axes in zip(kinds, grid.flat, strict=False):
            for name, style in _styles(list(errors), families).items():
                axes.plot(range(6), errors[name][kind], label=name, **style)
            axes.set_title(kind.replace("_", " "), fontsize=9)
            axes.grid(visible=True)
        grid.flat[0].set_ylim(0, 92)
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=5, fontsize=8)
        figure.supxlabel("strength; 0: undamaged", fontsize=9, y=0.06)
        figure.supylabel("test error, %", fontsize=9)
        figure.tight_layout(rect=(0, 0.07, 1, 1))
        return svg_of(figure, ground)


def latency_chart(
    points: dict[str, tuple[float, float]], families: dict[str, str], ground: str
) -> str:
    """Error in percent against microseconds for one image: method -> both."""
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 4.2))
        for name, (micros, error) in points.items():
            axes.plot(micros, error, "o", color=COLOURS[families[name]])
        log_axis(axes, "y")
        axes.set_xscale("log")
        axes.grid(visible=True)
        axes.set_xlabel("microseconds for one image alone")
        axes.set_ylabel("test error, %")
        label_points(axes, list(points), list(points.values()))
        family_legend(axes)
        return svg_of(figure, ground)


def bar_chart(bars: dict[str, float], label: str, ground: str) -> str:
    """Horizontal bars by name, with their values."""
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 0.4 * len(bars) + 0.8))
        drawn = axes.barh(list(bars), list(bars.values()), color=PUBLISHED, height=0.6)
        axes.bar_label(drawn, fmt="%.2f", padding=3)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        return svg_of(figure, ground)


def _styles(names: Sequence[str], families: dict[str, str]) -> dict[str, Any]:
    """A colour for the family, a kind of line for each of its methods."""
    used: dict[str, int] = {}
    styles = {}
    for name in names:
        nth = used.setdefault(families[name], 0)
        used[families[name]] += 1
        line = ("-", "--", ":", "-.")[nth % 4]
        styles[name] = {"color": COLOURS[families[name]], "linestyle": line}
    return styles
