"""The comparison: run records in, one row a method out.

Everything that the rows say about this program is computed here from the records and
the predictions beside them; figures of others come from `published`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import (
    mcnemar_exact,
    mean_and_deviation,
    n_errors,
    wilson_interval,
)
from visbase.pipeline.experiments.records import (
    Record,
    read_extras,
    read_predictions,
    read_record,
    record_path,
)
from visbase.pipeline.storage.folder_lock import alone
from visbase.pipeline.storage.reading import listed
from visbase.reports.published import LECTURE, Published


@dataclass(frozen=True)
class Row:
    """One method over all its seeds; errors in percent, times in seconds.

    errors_pct: of each seed; error_pct: their mean. p_next: McNemar's p-value against
    the next better row, first seed of each.
    """

    method: str
    summary: str
    seeds: tuple[int, ...]
    errors_pct: tuple[float, ...]
    error_pct: float
    deviation_pct: float
    interval_pct: tuple[float, float]
    fit_s: float
    predict_s: float
    n_parameters: float
    peak_rss_mb: float
    lecture: Published | None
    p_next: float | None
    failure: str | None


@dataclass(frozen=True)
class Runs:
    """All records of one method, seeds in order, and the arrays beside each.

    predictions: truth and prediction (2, n_test), empty for a run that failed; extras:
    scores and exhibits by name, see `pipeline.records`.
    """

    records: Sequence[Record]
    predictions: Sequence[NDArray[np.integer]]
    extras: Sequence[dict[str, NDArray[Any]]]

    @property
    def method(self) -> str:
        return self.records[0].method

    @property
    def good(self) -> list[int]:
        """Positions of the runs that did not fail."""
        return [i for i, record in enumerate(self.records) if record.error is None]


def read_runs(results: Path, dataset: str) -> list[Runs]:
    """Every record of a data set, grouped by method, seeds in order.

    Raises BadInput where there is none, where a record does not agree with its
    predictions, or is of a quick or uncommitted run.
    """
    with ExitStack() as stack:  # nobody writes a record meanwhile
        folders = listed(results / dataset)
        for folder in sorted({one.resolve() for one in folders if one.is_dir()}):
            stack.enter_context(alone(folder))
        return _read_runs(results, dataset, folders)


def _read_runs(results: Path, dataset: str, folders: Sequence[Path]) -> list[Runs]:
    found = [listed(folder, "seed*") for folder in folders]
    files = [path for of_method in found for path in of_method]
    paths = [path for path in files if path.suffix == ".json"]
    if not paths:
        raise BadInput(
            f"{results / dataset}: no records; run a method first, for example "
            f"`visbase run majority --dataset {dataset}`"
        )
    for beside in (path for path in files if path.suffix == ".npy"):
        if not beside.with_name(beside.name.partition(".")[0] + ".json").exists():
            raise BadInput(f"{beside}: has no record; run it again, or remove it")
    runs: list[tuple[Record, NDArray[np.integer], dict[str, NDArray[Any]]]] = []
    truth: tuple[Path, NDArray[np.integer]] | None = None
    for path in paths:
        record = read_record(path)
        _refuse_what_is_no_evidence(path, record)
        where = record_path(results, record.dataset, record.method, record.seed)
        if path != where:
            raise BadInput(
                f"{path}: is of {record.method} on {record.dataset}, seed "
                f"{record.seed}; moved?"
            )
        predictions, extras = np.empty((2, 0), int), read_extras(path, record)
        if record.error is None:
            predictions = read_predictions(path, record)
            truth = truth or (path, predictions[0])
            if not np.array_equal(truth[1], predictions[0]):
                raise BadInput(f"{path}: other test images than {truth[0]}; run again")
            _require_scores_of(predictions[1], extras, path)
        runs.append((record, predictions, extras))
    runs.sort(key=lambda run: (run[0].method, run[0].seed))
    groups = groupby(runs, lambda run: run[0].method)
    grouped = [Runs(*zip(*group, strict=True)) for _, group in groups]
    for one in grouped:
        _require_one_method(one.records)
    return grouped


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
        errors_pct=tuple(rates),
        error_pct=error,
        deviation_pct=deviation,
        interval_pct=interval,
        fit_s=_mean([r.fit_s for r, _ in good]),
        predict_s=_mean([r.predict_s for r, _ in good]),
        n_parameters=_mean([r.n_parameters for r, _ in good]),
        peak_rss_mb=_mean([r.peak_rss_mb for r, _ in good]),
        lecture=LECTURE.get(dataset, {}).get(method),
        p_next=None,
        failure=failures[0] if failures else None,
    )


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else math.nan


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


def _require_scores_of(
    prediction: NDArray[np.integer], extras: dict[str, NDArray[Any]], path: Path
) -> None:
    """BadInput where stored scores are not those that led to the prediction."""
    scores = extras.get("scores")
    if scores is None:
        return
    n_classes = scores.shape[1]
    fits = n_classes > prediction.max()
    if fits:  # the predicted class may share the highest score, once rounded
        own = np.take_along_axis(scores, prediction[:, None].astype(int), axis=1)
        fits = bool((own[:, 0] >= scores.max(axis=1)).all())
    if not fits:
        raise BadInput(
            f"{path.with_suffix('.scores.npy')}: are not the scores behind "
            f"{path.stem}.npy; run it again"
        )


def _require_one_method(records: Sequence[Record]) -> None:
    """BadInput where seeds of a method differ in what only seeds may differ in."""
    first = records[0]
    for other in records[1:]:
        shared = first.config.keys() & other.config.keys()
        differing = [
            f"config {key}" for key in shared if first.config[key] != other.config[key]
        ]
        differing += [
            name
            for name in ("family", "n_train", "n_test")
            if getattr(first, name) != getattr(other, name)
        ]
        if differing:
            raise BadInput(
                f"{other.dataset}/{other.method}: seeds {first.seed} and {other.seed} "
                f"differ in {differing[0]}; run all seeds with the same settings"
            )
