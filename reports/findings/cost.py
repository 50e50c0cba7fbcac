"""What methods cost, side by side."""

from __future__ import annotations

from pathlib import Path

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import error_pct
from visbase.pipeline.experiments.measured import BATCH, Cost
from visbase.reports.findings import Finding, Rows, families, read_evidence

ORDER = 30
NAME = "cost"
COLUMNS = Cost.__struct_fields__

HEAD = (
    "method",
    "error %",
    "fit s",
    "processor s",
    "µs an image alone",
    f"µs an image of {BATCH:,}",
    "model MB",
    "peak MiB",
    "parameters",
)


def find(folder: Path, dataset: Dataset) -> Finding | None:
    """From cost/<dataset>.csv under the reports' folder."""
    return cost_finding(folder / "cost", dataset.name)


def cost_finding(folder: Path, dataset: str) -> Finding | None:
    """From <dataset>.csv; None where nothing was measured."""
    rows = read_evidence(folder / f"{dataset}.csv", Cost)
    if not rows:
        return None
    rows.sort(key=lambda row: -_error(row))
    points = {row["method"]: (float(row["one_us"]), _error(row)) for row in rows}
    return Finding(
        name=NAME,
        title="What an answer costs: error against time for one image",
        sentences=sentences(rows),
        svg=draw(points, families(rows), "none"),
        columns=COLUMNS,
        rows=rows,
        head=HEAD,
        table=[_line(row) for row in rows],
    )


def draw(
    points: dict[str, tuple[float, float]], families: dict[str, str], ground: str
) -> str:
    """Error in percent against microseconds for one image: method -> both."""
    import matplotlib.pyplot as plt  # slow to import

    from visbase.reports.figures import (
        COLOURS,
        STYLE,
        family_legend,
        label_points,
        log_axis,
        svg_of,
    )

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


def sentences(rows: Rows) -> list[str]:
    """What the costs say, from the rows of the CSV file alone."""
    best = min(rows, key=_error)
    quick = min(rows, key=lambda row: float(row["fit_s"]))
    found = [
        f"{best['method']} errs least, {_error(best):.2f} % with seed 0, for "
        f"{best['fit_s']} s of fitting ({best['cpu_s']} processor seconds) and "
        f"{float(best['one_us']):,.0f} µs an image alone."
    ]
    if quick is not best:
        ratio = float(best["cpu_s"]) / max(float(quick["cpu_s"]), 0.1)
        found.append(
            f"{quick['method']} is fitted soonest, in {quick['fit_s']} s, and errs "
            f"{_error(quick):.2f} %; {best['method']} takes {ratio:.1f} times its "
            "processor seconds."
        )
    return found


def _line(row: dict[str, str]) -> tuple[str, ...]:
    return (
        row["method"],
        f"{_error(row):.2f}",
        f"{float(row['fit_s']):.0f}",
        f"{float(row['cpu_s']):.0f}",
        f"{float(row['one_us']):,.0f}",
        f"{float(row['batch_us']):,.0f}",
        f"{int(row['model_bytes']) / 1e6:.1f}",
        f"{float(row['peak_rss_mb']):,.0f}",
        f"{int(row['n_parameters']):,}",
    )


def _error(row: dict[str, str]) -> float:
    return error_pct(int(row["n_errors"]), int(row["n_test"]))
