"""Test error against the number of training images.

Every method gets the same balanced subsets: for each seed a random order of each
class's training images, of which a subset takes the first; a larger one holds a smaller
one. On each, the method's settings are chosen anew among its `candidates` on a held-out
sixth, then it is fitted on the whole subset and all test images are looked at once.
With all training images the points are the records of the comparison table, where there
are some: their settings were chosen on held-out images as well.
"""

from __future__ import annotations

import dataclasses
import json
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
    CURVE,
    is_committed,
    measured_table,
    read_measurements,
)
from visbase.pipeline.experiments.records import read_record, record_path
from visbase.pipeline.models.methods import MethodFile
from visbase.pipeline.storage import artifacts, measured, results, spent
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import write_rows


def measure_curve(
    method: MethodFile, n_images: Sequence[int], n_seeds: int, dataset: Dataset
) -> Iterator[str]:
    """Measure every point that the table does not hold yet; yields a line a point.

    The table is curves/<dataset>/<method>.csv beside the records, or under artifacts
    where the code is not committed or the data set is not published. Others may add
    points to it at the same time.
    """
    for n in n_images:  # told before any work
        subset(dataset.train.labels, n, 0)
    revision = provenance.revision()
    table = _table(method.name, dataset, revision)
    rows = read_measurements(table, CURVE)
    for n in n_images:
        # seeds without a record add nothing where others have one: the images are the
        # same, and methods without randomness are recorded once
        recorded = _from_record(method, n, 0, dataset) is not None
        for seed in range(n_seeds):
            row = _from_record(method, n, seed, dataset)
            if row is None and (recorded or _held(rows, n, seed, method, dataset)):
                continue
            if row is None:
                row = _measure(method, n, seed, dataset) | {"commit": revision}
            elif any(_same(row, other, n, seed) for other in rows):
                continue
            row |= {"method": method.name, "family": method.family}
            row |= {"n_train": str(n), "seed": str(seed)}
            rows = _add(table, row)
            error = error_pct(int(row["n_errors"]), int(row["n_test"]))
            yield (
                f"{method.name}, {n:,} images, seed {seed}: {error:.2f} % in "
                f"{row['seconds']} s, {row['changes']}"
            )
    yield f"{method.name}: {len(rows)} points in {table}"


def subset(labels: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Positions (n,) of a balanced subset, those of a smaller one among them.

    labels (N,) of all training images; n = N takes all. Raises BadInput where n cannot
    be shared equally among the classes.
    """
    if n == len(labels):
        return np.arange(n)
    classes, counts = np.unique(labels, return_counts=True)
    each, rest = divmod(n, len(classes))
    if rest or not 1 <= each <= counts.min():
        raise BadInput(
            f"{n} training images: expected a multiple of {len(classes)} classes up to "
            f"{len(classes) * counts.min()}, or all {len(labels)}; name others with "
            "--sizes"
        )
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:each] for c in classes]
    return np.sort(np.concatenate(chosen))


def _table(method: str, dataset: Dataset, revision: str) -> Path:
    counts = dataset.published and is_committed(revision)
    root = measured("curves") if counts else artifacts() / "curves"
    return measured_table(root, method, dataset)


def _add(table: Path, row: dict[str, str]) -> list[dict[str, str]]:
    """Put a point into the table, in the place of an earlier one; all rows."""
    with locked(table.parent):
        place = (row["n_train"], row["seed"])
        others = read_measurements(table, CURVE)
        rows = [r for r in others if (r["n_train"], r["seed"]) != place] + [row]
        rows.sort(key=lambda r: (int(r["n_train"]), int(r["seed"])))
        write_rows(table, CURVE, rows)
    return rows


def _held(
    rows: Sequence[dict[str, str]],
    n: int,
    seed: int,
    method: MethodFile,
    dataset: Dataset,
) -> bool:
    """Whether a row is there whose settings are still among the candidates."""
    texts = [_text(config) for config in _configs(method, n, dataset)]
    return any(
        (row["n_train"], row["seed"]) == (str(n), str(seed)) and row["config"] in texts
        for row in rows
    )


def _same(row: dict[str, str], other: dict[str, str], n: int, seed: int) -> bool:
    """Whether the other row is this one, of so many images and this seed."""
    place = {"n_train": str(n), "seed": str(seed)}
    return all(other[key] == value for key, value in (row | place).items())


def _configs(method: MethodFile, n: int, dataset: Dataset) -> list[Any]:
    """The preset as it is, and for parts of the training images what may be better."""
    usual = method.presets(dataset.photographs)["full"]
    if n == len(dataset.train):
        return [usual]
    return [dataclasses.replace(usual, **change) for change in method.candidates(n)]


def _from_record(
    method: MethodFile, n: int, seed: int, dataset: Dataset
) -> dict[str, str] | None:
    path = record_path(results(), dataset.name, method.name, seed)
    if n < len(dataset.train) or not dataset.published or not path.exists():
        return None
    record = read_record(path)
    if record.error is not None or record.n_correct is None or record.fit_s is None:
        return None
    return {
        "n_errors": str(record.n_test - record.n_correct),
        "n_test": str(record.n_test),
        "validation": "",
        "changes": "{}",
        "fit_s": f"{record.fit_s:.1f}",
        "seconds": f"{record.fit_s + (record.predict_s or 0):.1f}",
        "source": "record",
        "commit": (record.commit or "")[:10],
        "config": json.dumps(record.config, sort_keys=True),
    }


def _measure(method: MethodFile, n: int, seed: int, dataset: Dataset) -> dict[str, str]:
    before, started = spent.recalled_s(), time.perf_counter()
    train = take(dataset.train, subset(dataset.train.labels, n, seed))
    configs = _configs(method, n, dataset)
    config, validation = _choose(method, configs, train, seed)
    model = method.build(config, seed)
    fit_s, fit_started = -spent.recalled_s(), time.perf_counter()
    model.fit(train.images, train.labels)
    fit_s += time.perf_counter() - fit_started + spent.recalled_s()
    wrong = n_errors(dataset.test.labels, model.predict(dataset.test.images))
    seconds = time.perf_counter() - started + spent.recalled_s() - before
    usual = dataclasses.asdict(method.presets(dataset.photographs)["full"])
    chosen = dataclasses.asdict(config)
    changes = {key: value for key, value in chosen.items() if value != usual[key]}
    return {
        "n_errors": str(wrong),
        "n_test": str(len(dataset.test)),
        "validation": validation,
        "changes": json.dumps(changes),
        "fit_s": f"{fit_s:.1f}",
        "seconds": f"{seconds:.1f}",
        "source": "curve",
        "config": _text(config),
    }


def _choose(
    method: MethodFile, configs: Sequence[Any], train: Split, seed: int
) -> tuple[Any, str]:
    """The candidate with fewest errors on a held-out sixth, the first of equals.

    Where no class has two images there is nothing to hold out: the first candidate.
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


def _text(config: Any) -> str:
    return json.dumps(dataclasses.asdict(config), sort_keys=True)
