"""The comparison: run records in, one row per method out.

`measures` computes our own numbers from the records and the predictions stored beside
them; the numbers of other authors come from `published`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import (
    GPU,
    Record,
    facts_beside,
    read_extras,
    read_predictions,
    read_record,
    record_path,
)
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.reading import listed
from visbase.reports.measures import (
    MARKDOWN,
    Measure,
    Row,
    Runs,
    columns,
    find_measures,
    mean_of_known,
)
from visbase.reports.published import lecture_figure, others_note, published_rows

SHORT_COLUMNS = ("error_pct", "low_pct", "lecture_pct", "fit_s")  # of the README


def read_runs(results: Path, dataset: str) -> list[Runs]:
    """Read every record of a dataset, grouped by method, in the order of the seeds.

    Raises BadInput if there are no records, if a record disagrees with its predictions,
    or if it comes from a quick run or from uncommitted code.
    """
    folders = listed(results / dataset)
    with ExitStack() as stack:  # no other process may write a record meanwhile
        for folder in sorted({path.resolve() for path in folders if path.is_dir()}):
            stack.enter_context(locked(folder))
        return _read_runs(results, dataset, folders)


def _read_runs(results: Path, dataset: str, folders: Sequence[Path]) -> list[Runs]:
    files = [path for folder in folders for path in listed(folder, "seed*")]
    paths = [path for path in files if path.suffix == ".json"]
    paths.sort(key=lambda path: "-" in path.stem)  # repetitions last
    if not paths:
        raise BadInput(
            f"{results / dataset}: no records found; run a method first, for example "
            f"`visbase run majority --dataset {dataset}`"
        )
    for array in (path for path in files if path.suffix == ".npy"):
        if not facts_beside(array).exists():
            raise BadInput(
                f"{array}: has no record {facts_beside(array).name} beside it; run the "
                "method again or remove the file"
            )
    runs: list[tuple[Record, NDArray[np.integer], dict[str, NDArray[Any]]]] = []
    truth: tuple[Path, NDArray[np.integer]] | None = None
    for path in paths:
        record = read_record(path)
        _require_full_committed_run(path, record)
        at = (record.dataset, record.method, record.seed, record.on_gpu)
        usual = record_path(results, *at)
        repeats = path.name.startswith(f"{usual.stem}-") and usual in paths
        if path != usual and not repeats:
            raise BadInput(
                f"{path}: expected a record with this name, found {record.method} on "
                f"{record.dataset}, seed {record.seed}; move or remove it"
            )
        predictions, extras = np.empty((2, 0), int), read_extras(path, record)
        if record.error is None:
            predictions = read_predictions(path, record)
            truth = truth or (path, predictions[0])
            if not np.array_equal(truth[1], predictions[0]):
                raise BadInput(
                    f"{path}: was scored on other test images than {truth[0]}; run "
                    "the method again"
                )
            _require_scores_of(predictions[1], extras, path)
        if record.on_gpu:  # a row of its own
            label = {"method": record.method + GPU, "summary": record.summary + ", GPU"}
            record = msgspec.structs.replace(record, **label)
        runs.append((record, predictions, extras))
    runs.sort(key=lambda run: (run[0].method, run[0].seed))
    groups = groupby(runs, lambda run: run[0].method)
    grouped = [Runs(*zip(*group, strict=True)) for _, group in groups]
    for method_runs in grouped:
        _require_same_settings(method_runs.records)
    return grouped


def compare(runs: Sequence[Runs]) -> list[Row]:
    """Make one row per method, largest error first; failed methods come last.

    Methods that others have trained in part come after all others.
    """
    measures = find_measures()

    def rank(method_runs: Runs) -> tuple[bool, bool, float]:
        error = mean_of_known(method_runs.errors_pct)
        return bool(method_runs.records[0].pretrained), math.isnan(error), -error

    ranked = sorted(runs, key=rank)
    pairs = zip(ranked, [*ranked[1:], None], strict=True)
    return [_row(replace(worse, better=better), measures) for worse, better in pairs]


def _row(runs: Runs, measures: Sequence[Measure]) -> Row:
    first = runs.records[0]
    failures = [record.error for record in runs.records if record.error is not None]
    return Row(
        method=runs.method,
        summary=first.summary,
        seeds=tuple(runs.records[i].seed for i in runs.good),
        errors_pct=tuple(runs.errors_pct),
        lecture=lecture_figure(first.dataset, runs.method),
        failure=failures[0] if failures else None,
        values={measure.name: measure.compute(runs) for measure in measures},
        trained_on=first.pretrained.get("trained_on", ""),
    )


def require_images_of(dataset: Dataset, runs: Sequence[Runs]) -> None:
    """Raise BadInput if the runs have other test labels or classes than the dataset."""
    n_classes = len(dataset.classes)
    for method_runs in runs:
        for i in method_runs.good:
            truth, prediction = method_runs.predictions[i]
            record = method_runs.records[i]
            if not np.array_equal(truth, dataset.test.labels):
                raise BadInput(
                    f"{dataset.name}: its test labels differ from those that "
                    f"{record.method}, seed {record.seed}, was scored on; run the "
                    "method again"
                )
            if not 0 <= prediction.min() <= prediction.max() < n_classes:
                raise BadInput(
                    f"{record.dataset}/{record.method}/seed{record.seed}.npy: expected "
                    f"predictions from 0 to {n_classes - 1}, found one outside; run "
                    "the method again"
                )


def machine_lines(runs: Sequence[Runs]) -> list[str]:
    """Name each machine with its versions and the runs that were made on it."""
    lines: dict[str, list[str]] = {}
    for run in runs:
        for i, record in enumerate(run.records):
            versions = ", ".join(f"{k} {v}" for k, v in sorted(record.versions.items()))
            cores = f"{record.n_cores} core{'s' * (record.n_cores != 1)}"
            line = f"{record.cpu}, {cores}, {record.device}; {versions}"
            is_repeated = record.seed in (other.seed for other in run.records[:i])
            lines.setdefault(line, []).append(record.method + " again" * is_repeated)
    return [
        f"{len(methods)} run{'s' * (len(methods) > 1)} "
        f"({', '.join(sorted(set(methods)))}) on {line}"
        for line, methods in lines.items()
    ]


def notes(rows: Sequence[Row], dataset: str, n_test: int) -> list[str]:
    """Explain the columns and the published figures, one paragraph each."""
    return [
        f"The error is the mean over seeds on all {n_test:,} test images, ± the sample "
        "standard deviation, with Wilson's 95 % interval of the mean. The p value is "
        "from McNemar's exact test against the next row (first seed of each). Times "
        "are mean wall-clock seconds: to fit on all training images and to predict "
        "all test images.",
        *(
            f"`{row.method}`, published {row.lecture.error_pct:g} %: "
            f"{row.lecture.condition} ({row.lecture.source})."
            + (f" Ours: {row.lecture.ours}." if row.lecture.ours else "")
            for row in rows
            if row.lecture is not None
        ),
        *others_note(dataset),
    ]


def _require_full_committed_run(path: Path, record: Record) -> None:
    if record.preset != "full":
        raise BadInput(
            f"{path}: expected a full run, found a {record.preset} run; move it away"
        )
    if record.dirty is not False:
        raise BadInput(
            f"{path}: this run used uncommitted code; commit and run it again, or move "
            "the record away"
        )


def _require_scores_of(
    prediction: NDArray[np.integer], extras: dict[str, NDArray[Any]], path: Path
) -> None:
    """Raise BadInput if the stored scores do not lead to the stored predictions."""
    scores = extras.get("scores")
    if scores is None:
        return
    n_classes = scores.shape[1]
    agrees = n_classes > prediction.max()
    if agrees:  # rounding may leave the predicted class a tie for the highest score
        predicted = np.take_along_axis(scores, prediction[:, None].astype(int), axis=1)
        agrees = bool((predicted[:, 0] >= scores.max(axis=1)).all())
    if not agrees:
        raise BadInput(
            f"{path.with_suffix('.scores.npy')}: the scores disagree with the "
            f"predictions in {path.stem}.npy; run the method again"
        )


def _require_same_settings(records: Sequence[Record]) -> None:
    """Raise BadInput if the runs of a method differ in more than the seed.

    A setting that only some records have was added later and does not count.
    """
    first = records[0]
    if len({(record.seed, record.cpu) for record in records}) < len(records):
        found = "two records of one seed and processor; remove one"
        raise BadInput(f"{first.dataset}/{first.method}: found {found}")
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


def to_markdown(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> str:
    """Return the table with the notes that explain it and the machines."""
    below = [*notes(rows, dataset, runs[0].records[0].n_test), *machine_lines(runs)]
    measures, answers = columns(MARKDOWN), [one.answers for one in runs if one.good]
    table = _table(rows, measures, dataset)
    if answers:
        table += published_rows(dataset, answers[0][0], len(measures))
    return table + "\n" + "\n\n".join(below) + "\n"


def short_table(rows: Sequence[Row], dataset: str) -> str:
    """Return the table with the most important columns, without notes."""
    measures = [one for one in columns(MARKDOWN) if one.name in SHORT_COLUMNS]
    return _table(rows, measures, dataset)


def _table(rows: Sequence[Row], measures: Sequence[Measure], dataset: str) -> str:
    titles = " | ".join(measure.title for measure in measures)
    lines = [
        f"| method | {dataset} test {titles} |",
        "| --- " * (len(measures) + 1) + "|",
    ]
    for i, row in enumerate(rows):
        if row.trained_on and not (i and rows[i - 1].trained_on):
            lines.append(
                "| **trained on other images as well** |" + " |" * len(measures)
            )
        name = f"`{row.method}` {_cell(row.summary)}"
        failure = _cell(row.failure or "")
        if not row.seeds:
            lines.append(f"| {name} | failed: {failure} |" + " |" * (len(measures) - 1))
            continue
        cells = [_cell(measure.text(row)) for measure in measures]
        cells[0] += f" (a seed failed: {failure})" if failure else ""
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Escape what would end a cell or begin an HTML comment."""
    return text.replace("|", "\\|").replace("<", "&lt;")
