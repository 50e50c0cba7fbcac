"""The lecture's second table, dropout on CIFAR-10, beside our rows of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visbase.pipeline.evaluation import mcnemar_exact
from visbase.pipeline.experiments.records import GPU
from visbase.pipeline.storage import tables
from visbase.reports.findings import Finding
from visbase.reports.measures import Runs
from visbase.reports.published import DROPOUT, WIDE, lecture_figure

NAME = "dropout"
SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
PLAIN, FULL_LAYERS, ALL_LAYERS = (
    *("cuda_convnet", "cuda_convnet_dropout_fc", "cuda_convnet_dropout"),
)
# of a method's name: before it, after it, and what they stand for
VARIANTS = (
    ("", "", "ours, small"),
    ("", GPU, "ours, small, GPU"),
    (WIDE, "", "ours, published size"),
    (WIDE, GPU, "ours, published size, GPU"),
)


class DropoutRow(tables.Row, frozen=True, kw_only=True):
    """A measured row; the difference is from the first row of the same networks."""

    KEY = ("method",)
    method: str
    row: str
    published_pct: float | None
    error_pct: float  # mean over seeds
    difference_points: float | None
    p: float | None  # McNemar's exact test, first seed of each


def find(runs: Sequence[Runs], dataset: str) -> Finding | None:
    """Compare the rows that were run with the published ones; None without a table."""
    if dataset not in SETS:
        return None
    by_method = {one.method: one for one in runs if one.good}
    measured = {
        title: {
            name: by_method[f"{before}{name}{after}"]
            for name in DROPOUT
            if f"{before}{name}{after}" in by_method
        }
        for before, after, title in VARIANTS
    }
    measured = {title: of for title, of in measured.items() if of}
    rows = {
        title: {name: _row(one, of, name, dataset) for name, one in of.items()}
        for title, of in measured.items()
    }
    return Finding(
        name=NAME,
        title="Dropout: the lecture's table (Srivastava et al. 2014, table 4)",
        sentences=[
            _sentence(title, of, dataset)
            for title, of in measured.items()
            if len(of) > 1
        ],
        charts=[],
        columns=DropoutRow.__struct_fields__,
        rows=[row for of in rows.values() for row in of.values()],
        head=("row", *(f"{one}, published (%)" for one in SETS.values()), *rows),
        table=[
            (
                label,
                *(_published(one, name) for one in SETS),
                *(_cell(of.get(name)) for of in rows.values()),
            )
            for name, (label, _) in DROPOUT.items()
        ],
        section="lecture",
    )


def _row(one: Runs, of: dict[str, Runs], name: str, dataset: str) -> DropoutRow:
    has_change = PLAIN in of and name != PLAIN
    difference, p = _change(of[PLAIN], one) if has_change else (None, None)
    figure = lecture_figure(dataset, name)
    return DropoutRow(
        method=one.method,
        row=DROPOUT[name][0],
        published_pct=figure.error_pct if figure else None,
        error_pct=_error(one),
        difference_points=difference,
        p=p,
    )


def _error(runs: Runs) -> float:
    return float(np.mean(runs.errors_pct))


def _change(before: Runs, after: Runs) -> tuple[float, float]:
    """Return the change of the error in points, and McNemar's p value."""
    truth, first = before.answers
    p = mcnemar_exact(truth, first, after.answers[1])
    return _error(after) - _error(before), p


def _published(dataset: str, name: str) -> str:
    figure = lecture_figure(dataset, name)
    return f"{figure.error_pct:.2f}" if figure else ""


def _cell(row: DropoutRow | None) -> str:
    if row is None:
        return ""
    error = f"{row.error_pct:.2f}"
    if row.difference_points is None:
        return error
    return f"{error} ({row.difference_points:+.2f}, p = {row.p:.2g})"


def _sentence(title: str, of: dict[str, Runs], dataset: str) -> str:
    """Say what each step of dropout changes, and whether the order is as published."""
    parts = []
    for before, after in ((PLAIN, FULL_LAYERS), (FULL_LAYERS, ALL_LAYERS)):
        if not {before, after} <= of.keys():
            continue
        change, p = _change(of[before], of[after])
        figures = [lecture_figure(dataset, name) for name in (before, after)]
        known = [figure.error_pct for figure in figures if figure]
        parts.append(
            f"from {before} to {after} the error changes by {change:+.2f} points "
            f"(p = {p:.2g}; published {known[1] - known[0]:+.2f})"
        )
    published = {name: lecture_figure(dataset, name) for name in of}
    known_errors = {name: f.error_pct for name, f in published.items() if f}
    ours = sorted(known_errors, key=lambda name: -_error(of[name]))
    theirs = sorted(known_errors, key=lambda name: -known_errors[name])
    same = "in" if ours == theirs else "not in"
    parts.append(f"the {len(ours)} rows are {same} the published order")
    if ours != theirs:
        parts[-1] += f": from the largest error, {', '.join(ours)}"
    return f"{title[0].upper()}{title[1:]}: {'; '.join(parts)}."
