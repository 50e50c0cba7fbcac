"""Test error against the number of training images.

Every method gets the same balanced subsets: each seed orders the training images of
each class at random, and a subset takes the first of them, so that larger subsets
contain the smaller ones. On each subset the method's settings are chosen among its
`candidates` on a held-out sixth; then it is fitted on the whole subset and looks at the
test images once. With all training images, the points are the records of the comparison
table if there are any: their settings were chosen on held-out images as well.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset, Split, hold_out_sixth, take
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_errors
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import (
    CurvePoint,
    is_committed,
    measured_table,
    read_measurements,
)
from visbase.pipeline.experiments.records import read_record, record_path
from visbase.pipeline.experiments.run import require_sizes
from visbase.pipeline.models.methods import MethodFile, as_json
from visbase.pipeline.storage import artifacts, measured, results, spent
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import write_rows

PER_CLASS = (1, 3, 10, 30, 100, 300, 1000)


def measure_curve(
    method: MethodFile, n_images: Sequence[int], n_seeds: int, dataset: Dataset
) -> Iterator[str]:
    """Measure every point that the table does not hold yet; yield a line per point.

    The table is curves/<dataset>/<method>.csv beside the records; under artifacts if
    the code is not committed or the dataset is not published. Other processes may add
    points to it at the same time.
    """
    for n in n_images:  # refuse a wrong size before any work
        subset(dataset.train.labels, n, 0)
    revision = provenance.revision()
    table = _table(method.name, dataset, revision)
    rows = read_measurements(table, CurvePoint)
    for n in n_images:
        # all seeds train on the same images here: one without a record adds nothing to
        # those that have one (methods without randomness are recorded once)
        recorded = _from_record(method, n, 0, dataset) is not None
        for seed in range(n_seeds):
            point = _from_record(method, n, seed, dataset)
            if point in rows:
                continue
            if point is None and (recorded or _held(rows, n, seed, method, dataset)):
                continue
            if point is None:
                point = _measure(method, n, seed, dataset, revision)
            rows = _add(table, point)
            error = error_pct(point.n_errors, point.n_test)
            yield (
                f"{method.name}, {n:,} images, seed {seed}: {error:.2f} % in "
                f"{point.seconds:.1f} s, {point.changes or 'full preset'}"
            )
    yield f"{method.name}: {len(rows)} points in {table}"


def usual_sizes(dataset: Dataset) -> list[int]:
    """1, 3, 10 and so on to 1,000 images per class, and all."""
    n, counts = len(dataset.train), np.unique_counts(dataset.train.labels).counts
    per_class = (each for each in PER_CLASS if each <= counts.min())
    return [*(each * len(counts) for each in per_class if each * len(counts) < n), n]


def subset(labels: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Positions (n,) of a balanced subset; larger subsets contain smaller ones.

    labels (N,) of all training images; n = N takes all. Raises BadInput if n cannot be
    divided equally among the classes.
    """
    if n == len(labels):
        return np.arange(n)
    classes, counts = np.unique(labels, return_counts=True)
    each, rest = divmod(n, len(classes))
    if rest or not 1 <= each <= counts.min():
        raise BadInput(
            f"{n} training images: expected a multiple of {len(classes)} classes up to "
            f"{len(classes) * counts.min()}, or all {len(labels)}; pass others with "
            "--sizes"
        )
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:each] for c in classes]
    return np.sort(np.concatenate(chosen))


def _table(method: str, dataset: Dataset, revision: str) -> Path:
    counts = dataset.published and is_committed(revision)
    root = measured("curves") if counts else artifacts() / "curves"
    return measured_table(root, method, dataset)


def _add(table: Path, point: CurvePoint) -> list[CurvePoint]:
    """Put a point into the table, replacing an earlier one; return all rows."""
    with locked(table.parent):
        others = read_measurements(table, CurvePoint)
        rows = [row for row in others if _place(row) != _place(point)] + [point]
        rows.sort(key=_place)
        write_rows(table, CurvePoint, rows)
    return rows


def _place(point: CurvePoint) -> tuple[int, int]:
    return point.n_train, point.seed


def _held(
    rows: Sequence[CurvePoint], n: int, seed: int, method: MethodFile, dataset: Dataset
) -> bool:
    """Whether a row is there whose settings are still among the candidates."""
    configs = [as_json(config) for config in _configs(method, n, dataset)]
    return any(_place(row) == (n, seed) and row.config in configs for row in rows)


def _configs(method: MethodFile, n: int, dataset: Dataset) -> list[Any]:
    """The full preset, and its candidates for fewer training images."""
    usual = method.presets(dataset.kind, dataset.published_name)["full"]
    if n == len(dataset.train):
        return [usual]
    changes = method.candidates(n, usual)
    return [dataclasses.replace(usual, **change) for change in changes]


def _from_record(
    method: MethodFile, n: int, seed: int, dataset: Dataset
) -> CurvePoint | None:
    """The record of a run on all images, that of a GPU if there is no other."""
    place = (results(), dataset.name, method.name, seed)
    paths = [record_path(*place, on_gpu) for on_gpu in (False, True)]
    path = next((path for path in paths if path.exists()), None)
    if n < len(dataset.train) or not dataset.published or path is None:
        return None
    record = read_record(path)
    if record.error is not None or record.n_correct is None or record.fit_s is None:
        return None
    return CurvePoint(
        method=method.name,
        family=method.family,
        n_train=n,
        seed=seed,
        n_errors=record.n_test - record.n_correct,
        n_test=record.n_test,
        validation="",
        changes={},
        fit_s=round(record.fit_s, 1),
        seconds=round(record.fit_s + (record.predict_s or 0), 1),
        source="record, GPU" if path == paths[1] else "record",
        commit=(record.commit or "")[:10],
        config=record.config,
    )


def _measure(
    method: MethodFile, n: int, seed: int, dataset: Dataset, revision: str
) -> CurvePoint:
    before, started = spent.recalled_s(), time.perf_counter()
    train = take(dataset.train, subset(dataset.train.labels, n, seed))
    configs = _configs(method, n, dataset)
    require_sizes(method.build(configs[0], seed), dataset)
    config, validation = _choose(method, configs, train, seed)
    model = method.build(config, seed)
    fit_s, fit_started = -spent.recalled_s(), time.perf_counter()
    model.fit(train.images, train.labels)
    fit_s += time.perf_counter() - fit_started + spent.recalled_s()
    wrong = n_errors(dataset.test.labels, model.predict(dataset.test.images))
    seconds = time.perf_counter() - started + spent.recalled_s() - before
    usual = as_json(method.presets(dataset.kind, dataset.published_name)["full"])
    chosen = as_json(config)
    return CurvePoint(
        method=method.name,
        family=method.family,
        n_train=n,
        seed=seed,
        n_errors=wrong,
        n_test=len(dataset.test),
        validation=validation,
        changes={key: v for key, v in chosen.items() if v != usual[key]},
        fit_s=round(fit_s, 1),
        seconds=round(seconds, 1),
        source="curve",
        commit=revision,
        config=chosen,
    )


def _choose(
    method: MethodFile, configs: Sequence[Any], train: Split, seed: int
) -> tuple[Any, str]:
    """The candidate with the fewest errors on a held-out sixth; of a tie, the first.

    If no class has two images, nothing can be held out: the first candidate.
    """
    each_once = len(np.unique(train.labels)) == len(train)
    if len(configs) == 1 or each_once:
        return configs[0], ""
    kept, held_out = hold_out_sixth(train, seed)
    errors = []
    for config in configs:
        model = method.build(config, seed)
        model.fit(kept.images, kept.labels)
        answers = model.predict(held_out.images)
        errors.append(n_errors(held_out.labels, answers))
    counts = ", ".join(map(str, errors))
    return configs[int(np.argmin(errors))], f"{counts} of {len(held_out)}"
