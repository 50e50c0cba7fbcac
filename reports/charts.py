"""Charts and pictures of the pages, as data that page/ draws: plots.js, details.py.

Observable Plot (0.5 MB with D3) was chosen over ECharts (1.1 MB), and over uPlot and
Chart.js, which draw on a canvas: blurred on paper, and without the colours of the
page's style. It draws SVG and has intervals, small multiples and values on hover.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import NDArray

from visbase.reports.measures import Row, Runs

COSTS = {  # measure -> label of its axis
    "fit_s": "fit time (s)",
    "predict_s": "time to predict all test images (s)",
    "n_parameters": "number of parameters",
}
ERROR = "test error (%)"
INTERVAL = "with 95 % interval"


@dataclass(frozen=True)
class Chart:
    """A chart with a mark per row; x and y are the titles of its axes.

    kind: "intervals", "points", "lines", "bars" or "layers"; log: the axes that are
    logarithmic; text: where to find the values without the chart. Rows have `method`,
    `x` and, but for bars, `y`; where they apply, `family`, which chooses the colour,
    `low` and `high`, an interval of the error, `panel`, `seed`, `errors` of single
    seeds, `published` and `front` (on the Pareto front). Rows of layers: `Layer`.
    """

    kind: str
    title: str
    x: str
    y: str
    rows: Sequence[dict[str, Any]]
    log: str = ""
    text: str = "The table has the values."

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Picture:
    """Tiles (n, h, w[, 3]) in rows: pixels as uint8, or kernels as any other type."""

    title: str
    tiles: NDArray[Any]
    columns: int  # tiles per row
    zoom: int  # screen pixels per pixel


def error_chart(rows: Sequence[Row], families: dict[str, str]) -> Chart:
    """Show the error of every method with its interval, its seeds and published ones.

    families: method -> family.
    """
    shown = [row for row in rows if row.seeds]
    order = "; ".join(f"{row.method} {row['error_pct']:.2f} %" for row in shown)
    return Chart(
        kind="intervals",
        title="Test error of every method",
        x=f"{ERROR} {INTERVAL}",
        y="method",
        log="x",
        text=f"Test errors: {order}.",
        rows=[
            {
                "method": row.method,
                "family": families[row.method],
                "x": row["error_pct"],
                "low": row["low_pct"],
                "high": row["high_pct"],
                "errors": row.errors_pct if len(row.seeds) > 1 else (),
                "published": row.lecture and row.lecture.error_pct,
            }
            for row in shown
        ],
    )


def cost_chart(rows: Sequence[Row], families: dict[str, str], cost: str) -> Chart:
    """Show error against one cost, a key of COSTS, with the Pareto front."""
    shown = [row for row in rows if row.seeds and row[cost] > 0]
    points = {row.method: (row[cost], row["error_pct"]) for row in shown}
    return points_chart(
        f"Test error against {COSTS[cost]}", COSTS[cost], points, families
    )


def points_chart(
    title: str,
    x: str,
    points: dict[str, tuple[float, float]],
    families: dict[str, str],
) -> Chart:
    """Show points: method -> (value on x, error in percent), with the Pareto front."""
    front = pareto_front(list(points.values()))
    return Chart(
        kind="points",
        title=title,
        x=x,
        y=ERROR,
        log="xy",
        rows=[
            {
                "method": name,
                "family": families[name],
                "x": x,
                "y": y,
                "front": i in front,
            }
            for i, (name, (x, y)) in enumerate(points.items())
        ],
    )


def history_chart(runs: Iterable[Runs]) -> Chart | None:
    """Show the training error per epoch of every network; None without any.

    Of methods with several networks, the first one.
    """
    rows = [
        {
            "method": record.method,
            "seed": record.seed,
            "x": epoch,
            "y": values["error_pct"],
        }
        for one in runs
        for record in (one.records[i] for i in one.first_of_seeds)
        for epoch, values in enumerate(
            record.histories[0] if record.histories else (), 1
        )
    ]
    title = "Training history of each network (first network of a committee)"
    y = "training error during the epoch (%)"
    return Chart("lines", title, "epoch", y, rows, log="y") if rows else None


def pareto_front(points: Sequence[tuple[float, float]]) -> set[int]:
    """Return the indices of the points that no other point dominates."""
    return {
        i
        for i, (x, y) in enumerate(points)
        if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points)
    }


def known(value: float) -> float | None:
    """Replace NaN, which JSON lacks, by None."""
    return None if math.isnan(value) else value
