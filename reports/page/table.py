"""The page's comparison table, cell by cell: what is shown and what it sorts by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from visbase.reports.compare import Row
from visbase.reports.details import Detail
from visbase.reports.published import WITHOUT_LEARNED_FILTERS

COLUMNS = (
    ("method", "word"),
    ("error %", "number"),
    ("95 % interval", "number"),
    ("published %", "number"),
    ("seeds", "number"),
    ("p", "number"),
    ("fit s", "number"),
    ("predict s", "number"),
    ("parameters", "number"),
    ("peak MiB", "number"),
    ("first half %", "number"),
    ("last half %", "number"),
    ("calibration %", "number"),
)


@dataclass(frozen=True)
class Cell:
    """text is shown, value sorts (empty: not known), title appears on hover."""

    text: str
    value: str = ""
    title: str = ""
    note: str = ""
    span: int = 0


@dataclass(frozen=True)
class Line:
    """One row of the table; kind: "ours", "failed" or "published"."""

    kind: str
    summary: str
    cells: Sequence[Cell]


def table_line(row: Row, details: Sequence[Detail]) -> Line:
    """A method's line; one that never worked shows its reason instead of figures."""
    name = Cell(row.method, row.method)
    if not row.seeds:
        reason = Cell(f"failed: {row.failure}", span=len(COLUMNS) - 1)
        return Line("failed", row.summary, [name, reason])
    found = next(one for one in details if one.method == row.method)
    low, high = row.interval_pct
    spread = "" if len(row.seeds) < 2 else f" ± {row.deviation_pct:.2f}"
    early, late = found.half_error_pct
    cells = [
        name,
        Cell(
            f"{row.error_pct:.2f}{spread}",
            f"{row.error_pct}",
            note="" if row.failure is None else f"a seed failed: {row.failure}",
        ),
        Cell(f"{low:.2f} to {high:.2f}", f"{low}"),
        _published(row),
        Cell(str(len(row.seeds)), str(len(row.seeds))),
        Cell("") if row.p_next is None else Cell(f"{row.p_next:.2g}", f"{row.p_next}"),
        _number(row.fit_s, ".0f"),
        _number(row.predict_s, ".1f"),
        _number(row.n_parameters, ",.0f"),
        _number(row.peak_rss_mb, ",.0f"),
        _number(early, ".2f"),
        _number(late, ".2f"),
        _number(found.calibration_pct, ".2f"),
    ]
    return Line("ours", row.summary, cells)


def published_lines(dataset: str) -> list[Line]:
    """Figures of others that learn no filters by backpropagation."""
    empty = [Cell("")] * (len(COLUMNS) - 4)
    return [
        Line(
            "published",
            other.condition,
            [
                Cell("published", f"published {other.condition}"),
                Cell(f"{other.error_pct:g}", f"{other.error_pct}", title=other.source),
                Cell(""),
                Cell(
                    f"{other.error_pct:g}",
                    f"{other.error_pct}",
                    title=other.source,
                    note=other.source,
                ),
                *empty,
            ],
        )
        for other in WITHOUT_LEARNED_FILTERS.get(dataset, ())
    ]


def _published(row: Row) -> Cell:
    if row.lecture is None:
        return Cell("")
    figure = row.lecture
    title = f"{figure.condition} ({figure.source})"
    if figure.ours:
        title += f"; ours: {figure.ours}"
    return Cell(f"{figure.error_pct:g}", f"{figure.error_pct}", title=title)


def _number(value: float | None, shown: str) -> Cell:
    if value is None or math.isnan(value):
        return Cell("")
    return Cell(f"{value:{shown}}", f"{value}")
