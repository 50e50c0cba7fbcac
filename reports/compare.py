"""The comparison table: run records in, Markdown and CSV out.

Everything that the table says about this program is computed here from the records
and the predictions beside them; figures of others come from `published`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BadInput
from pipeline.records import Record, read_predictions, read_record, record_path
from reports.evaluation import (
    mcnemar_exact,
    mean_and_deviation,
    n_errors,
    wilson_interval,
)
from reports.published import LECTURE, WITHOUT_LEARNED_FILTERS, Published

COLUMNS = (
    "method",
    "summary",
    "error_pct",
    "deviation_pct",
    "low_pct",
    "high_pct",
    "n_seeds",
    "lecture_pct",
    "p_next",
    "fit_s",
    "predict_s",
    "failure",
)


@dataclass(frozen=True)
class Row:
    """One method over all its seeds; errors in percent, times in seconds.

    p_next: McNemar's p-value against the next better row, first seed of each.
    """

    method: str
    summary: str
    seeds: tuple[int, ...]
    error_pct: float
    deviation_pct: float
    interval_pct: tuple[float, float]
    fit_s: float
    predict_s: float
    lecture: Published | None
    p_next: float | None
    failure: str | None


@dataclass(frozen=True)
class Runs:
    """All records of one method, and the predictions (2, n_test) of each."""

    records: Sequence[Record]
    predictions: Sequence[NDArray[np.integer]]


def read_runs(results: Path, dataset: str) -> list[Runs]:
    """Every record of a data set, grouped by method, seeds in order.

    Raises BadInput where there is none, where a record does not agree with its
    predictions, or is of a quick or uncommitted run.
    """
    paths = sorted((results / dataset).glob("*/seed*.json"))
    if not paths:
        raise BadInput(
            f"{results / dataset}: no records; run a method first, for example "
            f"`visbase run majority --dataset {dataset}`"
        )
    pairs = []
    for path in paths:
        record = read_record(path)
        _refuse_what_is_no_evidence(path, record)
        if path != record_path(results, dataset, record.method, record.seed):
            raise BadInput(f"{path}: is of {record.method}, seed {record.seed}; moved?")
        known = record.error is None
        predictions = read_predictions(path, record) if known else np.empty((2, 0), int)
        pairs.append((record, predictions))
    truths = {both[0].tobytes() for _, both in pairs if both.size}
    if len(truths) > 1:
        raise BadInput(f"{results / dataset}: runs on different test images")
    pairs.sort(key=lambda pair: (pair[0].method, pair[0].seed))
    groups = [list(group) for _, group in groupby(pairs, lambda pair: pair[0].method)]
    return [Runs([r for r, _ in group], [p for _, p in group]) for group in groups]


def compare(runs: Sequence[Runs], dataset: str) -> list[Row]:
    """One row a method, largest error first; methods that never worked come last."""
    rows = []
    first_predictions = {}
    for run in runs:
        good = [
            (record, prediction)
            for record, prediction in zip(run.records, run.predictions, strict=True)
            if record.error is None
        ]
        rows.append(_row(run.records, good, dataset))
        if good:
            first_predictions[run.records[0].method] = good[0][1]
    rows.sort(key=lambda row: (math.isnan(row.error_pct), -row.error_pct))
    for i, (row, better) in enumerate(pairwise(rows)):
        if better.method in first_predictions and row.method in first_predictions:
            truth, first = first_predictions[row.method]
            p = mcnemar_exact(truth, first, first_predictions[better.method][1])
            rows[i] = replace(row, p_next=p)
    return rows


def machine_lines(runs: Sequence[Runs]) -> list[str]:
    """Each machine and set of versions that records come from."""
    lines: dict[str, int] = {}
    for run in runs:
        for record in run.records:
            versions = ", ".join(f"{k} {v}" for k, v in sorted(record.versions.items()))
            line = f"{record.cpu}, {record.n_cores} cores, {record.device}; {versions}"
            lines[line] = lines.get(line, 0) + 1
    return [f"{count} runs on {line}" for line, count in lines.items()]


def to_markdown(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> str:
    """The table as Markdown, with the notes that make it readable on its own."""
    n_test = runs[0].records[0].n_test
    lines = [
        f"| method | {dataset} test error % | 95 % interval | published % | "
        "seeds | p | fit s | predict s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        name = f"`{row.method}` {row.summary}"
        if row.failure is not None and not row.seeds:
            lines.append(f"| {name} | failed: {_cell(row.failure)} | | | | | | |")
            continue
        low, high = row.interval_pct
        spread = "" if len(row.seeds) < 2 else f" ± {row.deviation_pct:.2f}"
        lecture = "" if row.lecture is None else f"{row.lecture.error_pct:g}"
        p_value = "" if row.p_next is None else f"{row.p_next:.2g}"
        failed = (
            "" if row.failure is None else f" (a seed failed: {_cell(row.failure)})"
        )
        lines.append(
            f"| {name} | {row.error_pct:.2f}{spread}{failed} | "
            f"{low:.2f} to {high:.2f} | {lecture} | {len(row.seeds)} | {p_value} | "
            f"{row.fit_s:.0f} | {row.predict_s:.1f} |"
        )
    notes = [
        f"Error: mean over seeds on all {n_test:,} test images, ± sample standard "
        "deviation; interval: Wilson's, of the mean. p: McNemar's exact test against "
        "the next row, first seed of each. Times: mean wall-clock seconds, "
        "images to model and test images to labels.",
        *(
            f"`{row.method}` beside {row.lecture.error_pct:g}: {row.lecture.condition} "
            f"({row.lecture.source})"
            + (f"; ours: {row.lecture.ours}." if row.lecture.ours else ".")
            for row in rows
            if row.lecture is not None
        ),
        *_others(dataset),
        *machine_lines(runs),
    ]
    return "\n".join(lines) + "\n\n" + "\n\n".join(notes) + "\n"


def to_csv(rows: Sequence[Row]) -> str:
    """The table as CSV, one line a method, errors in percent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        figures = (row.error_pct, row.deviation_pct, *row.interval_pct)
        lecture = None if row.lecture is None else row.lecture.error_pct
        writer.writerow(
            [
                row.method,
                row.summary,
                *(f"{figure:.4f}" for figure in figures),
                len(row.seeds),
                lecture,
                row.p_next,
                f"{row.fit_s:.2f}",
                f"{row.predict_s:.2f}",
                row.failure,
            ]
        )
    return text.getvalue()


def _row(
    records: Sequence[Record],
    good: Sequence[tuple[Record, NDArray[np.integer]]],
    dataset: str,
) -> Row:
    method = records[0].method
    failures = [record.error for record in records if record.error is not None]
    rates = [100 * n_errors(*both) / record.n_test for record, both in good]
    error, deviation = mean_and_deviation(rates) if rates else (math.nan, math.nan)
    interval = (math.nan, math.nan)
    if good:
        n = good[0][0].n_test
        low, high = wilson_interval(error * n / 100, n)
        interval = (100 * low, 100 * high)
    return Row(
        method=method,
        summary=records[0].summary,
        seeds=tuple(record.seed for record, _ in good),
        error_pct=error,
        deviation_pct=deviation,
        interval_pct=interval,
        fit_s=float(np.mean([r.fit_s for r, _ in good])) if good else math.nan,
        predict_s=float(np.mean([r.predict_s for r, _ in good])) if good else math.nan,
        lecture=LECTURE.get(dataset, {}).get(method),
        p_next=None,
        failure=failures[0] if failures else None,
    )


def _others(dataset: str) -> list[str]:
    """A note on what others reached without learned filters, where we know."""
    figures = [
        f"{other.error_pct:g} {other.condition} ({other.source})"
        for other in WITHOUT_LEARNED_FILTERS.get(dataset, ())
    ]
    note = "Published by others without filters learned by backpropagation: "
    return [note + "; ".join(figures) + "."] if figures else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _refuse_what_is_no_evidence(path: Path, record: Record) -> None:
    if record.preset != "full":
        raise BadInput(
            f"{path}: a {record.preset} run; only full runs may enter the table, "
            "move it away"
        )
    if record.dirty is not False:
        raise BadInput(
            f"{path}: a run of uncommitted code; commit, run it again, or move it away"
        )
