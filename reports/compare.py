"""The comparison: run records in, one row per method out.

Everything that the rows say about this program is computed by `measures` from the
records and the predictions beside them; figures of others come from `published`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import (
    Record,
    read_extras,
    read_predictions,
    read_record,
    record_path,
)
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.reading import listed
from visbase.reports.measures import Measure, Row, Runs, find_measures, mean_of_known
from visbase.reports.published import WITHOUT_LEARNED_FILTERS, lecture_figure


def read_runs(results: Path, dataset: str) -> list[Runs]:
    """Every record of a data set, grouped by method, seeds in order.

    Raises BadInput where there is none, where a record does not agree with its
    predictions, or is of a quick or uncommitted run.
    """
    with ExitStack() as stack:  # nobody writes a record meanwhile
        folders = listed(results / dataset)
        for folder in sorted({one.resolve() for one in folders if one.is_dir()}):
            stack.enter_context(locked(folder))
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


def compare(runs: Sequence[Runs]) -> list[Row]:
    """One row per method, largest error first; those that never worked come last."""
    measures = find_measures()
    errors = {one.method: mean_of_known(one.errors_pct) for one in runs}

    def rank(one: Runs) -> tuple[bool, float]:
        error = errors[one.method]
        return math.isnan(error), -error

    ranked = sorted(runs, key=rank)
    neighbours = zip(ranked, [*ranked[1:], None], strict=True)
    return [_row(replace(one, better=better), measures) for one, better in neighbours]


def _row(runs: Runs, measures: Sequence[Measure]) -> Row:
    first = runs.records[0]
    failures = [one.error for one in runs.records if one.error is not None]
    return Row(
        method=runs.method,
        summary=first.summary,
        seeds=tuple(runs.records[i].seed for i in runs.good),
        errors_pct=tuple(runs.errors_pct),
        lecture=lecture_figure(first.dataset, runs.method),
        failure=failures[0] if failures else None,
        values={one.name: one.compute(runs) for one in measures},
    )


def require_images_of(dataset: Dataset, runs: Sequence[Runs]) -> None:
    """BadInput where runs are of other test images or classes than the data set has."""
    n_classes = len(dataset.classes)
    for one in runs:
        for i in one.good:
            truth, prediction = one.predictions[i]
            if not np.array_equal(truth, dataset.test.labels):
                raise BadInput(
                    f"{dataset.name}: its test labels are not those that "
                    f"{one.method}, seed {one.records[i].seed}, was scored on; run the "
                    "method again"
                )
            if not 0 <= prediction.min() <= prediction.max() < n_classes:
                record = one.records[i]
                raise BadInput(
                    f"{record.dataset}/{record.method}/seed{record.seed}.npy: a "
                    f"prediction outside 0 to {n_classes - 1}; run it again"
                )


def machine_lines(runs: Sequence[Runs]) -> list[str]:
    """Each machine and set of versions that records come from."""
    lines: dict[str, list[str]] = {}
    for run in runs:
        for record in run.records:
            versions = ", ".join(f"{k} {v}" for k, v in sorted(record.versions.items()))
            line = f"{record.cpu}, {record.n_cores} cores, {record.device}; {versions}"
            lines.setdefault(line, []).append(record.method)
    return [
        f"{len(methods)} run{'s' * (len(methods) > 1)} "
        f"({', '.join(sorted(set(methods)))}) on {line}"
        for line, methods in lines.items()
    ]


def notes(rows: Sequence[Row], dataset: str, n_test: int) -> list[str]:
    """What makes the table readable on its own, a paragraph each."""
    return [
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
    ]


def _others(dataset: str) -> list[str]:
    """A note on what others reached without learned filters, where we know."""
    figures = [
        f"{other.error_pct:g} {other.condition} ({other.source})"
        for other in WITHOUT_LEARNED_FILTERS.get(dataset, ())
    ]
    note = "Published by others without filters learned by backpropagation: "
    return [note + "; ".join(figures) + "."] if figures else []


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
