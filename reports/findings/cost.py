"""The cost of each method: time, memory and size of the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import error_pct
from visbase.pipeline.experiments.measured import BATCH, Cost
from visbase.reports.charts import points_chart
from visbase.reports.findings import Finding, families, read_evidence
from visbase.reports.measures import Runs

ORDER = 30
NAME = "cost"
COLUMNS = Cost.__struct_fields__
Rows = Sequence[Cost]

HEAD = (
    "method",
    "error (%)",
    "fit (s)",
    "processor time (s)",
    "µs per single image",
    f"µs per image in a batch of {BATCH:,}",
    "model (MB)",
    "peak memory (MiB)",
    "parameters",
)


def find(folder: Path, dataset: Dataset, _runs: Sequence[Runs]) -> Finding | None:
    """Read cost/<dataset>.csv in the reports' folder."""
    return cost_finding(folder / "cost", dataset.name)


def cost_finding(folder: Path, dataset: str) -> Finding | None:
    """Read <dataset>.csv; None if nothing was measured."""
    rows = read_evidence(folder / f"{dataset}.csv", Cost)
    if not rows:
        return None
    rows.sort(key=lambda row: -_error(row))
    points = {row.method: (row.one_us, _error(row)) for row in rows}
    return Finding(
        name=NAME,
        title="Test error against prediction time",
        sentences=sentences(rows),
        charts=[
            points_chart(
                "Test error against the time to predict a single image",
                "time to predict a single image (µs)",
                points,
                families(rows),
            )
        ],
        columns=COLUMNS,
        rows=rows,
        head=HEAD,
        table=[_line(row) for row in rows],
    )


def sentences(rows: Rows) -> list[str]:
    """Compare the best method with the fastest, from the rows of the CSV file."""
    best = min(rows, key=_error)
    quick = min(rows, key=lambda row: row.fit_s)
    lines = [
        f"{best.method} has the lowest error ({_error(best):.2f} % with seed 0), "
        f"after {best.fit_s:,.0f} s of training "
        f"({best.cpu_s:,.0f} s of processor time); it classifies a single "
        f"image in {best.one_us:,.0f} µs."
    ]
    if quick is not best:
        ratio = best.cpu_s / max(quick.cpu_s, 0.1)
        lines.append(
            f"{quick.method} trains fastest ({quick.fit_s:,.0f} s), with "
            f"an error of {_error(quick):.2f} %; {best.method} needs {ratio:.1f} "
            "times as much processor time."
        )
    return lines


def _line(row: Cost) -> tuple[str, ...]:
    return (
        row.method,
        f"{_error(row):.2f}",
        f"{row.fit_s:.0f}",
        f"{row.cpu_s:.0f}",
        f"{row.one_us:,.0f}",
        f"{row.batch_us:,.0f}",
        f"{row.model_bytes / 1e6:.1f}",
        f"{row.peak_rss_mb:,.0f}",
        f"{row.n_parameters:,}",
    )


def _error(row: Cost) -> float:
    return error_pct(row.n_errors, row.n_test)
