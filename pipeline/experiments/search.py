"""Choosing a method's settings on held-out training images.

The last 10,000 training images (or the last sixth of a smaller set) validate, the
others train; of a folder of photographs a random sixth of each class validates. The
test images are never looked at. Each trial changes some fields of
the full preset, as the method's SEARCH lists them.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from visbase.pipeline.contracts import Method
from visbase.pipeline.datasets.splits import (
    Dataset,
    Split,
    hold_out,
    hold_out_sixth,
    part,
)
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_errors
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import (
    SEARCH,
    measured_table,
    read_measurements,
)
from visbase.pipeline.models.methods import MethodFile
from visbase.pipeline.storage import ROOT, artifacts, is_checkout, spent
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import write_rows


def search_method(
    method: MethodFile, seed: int, dataset: Dataset, n_train: int | None
) -> Iterator[str]:
    """Run every trial that the table does not hold yet; yields a line a trial.

    n_train: train on the first n_train images that do not validate, None for all;
    fewer make a search quick, and rank settings nearly as well. The table is
    docs/search/<dataset>/<method>.csv, most training images first, then least errors;
    for a folder of photographs artifacts/search/<dataset>/<method>-<fingerprint>.csv,
    since its images may change. Others may add trials to it at the same time.
    """
    trials = method.trials
    revision = provenance.revision()
    table = _table(method.name, dataset)
    rows = read_measurements(table, SEARCH)
    if dataset.published:
        n_validation = min(10_000, max(1, len(dataset.train) // 6))
        train, validation = hold_out(dataset.train, n_validation)
    else:
        train, validation = hold_out_sixth(dataset.train, seed)
    if n_train is not None and n_train > len(train):
        raise BadInput(f"--train {n_train}: only {len(train)} images do not validate")
    if n_train is not None:
        train = part(train, slice(0, n_train))
    usual = method.presets(dataset.photographs)["full"]
    preset = dataclasses.asdict(usual)
    done = {_trial(row) for row in rows}
    _add(table, [], preset)
    for changes in ({}, *trials):
        config = dataclasses.replace(usual, **changes)
        text = json.dumps(dataclasses.asdict(config), sort_keys=True)
        if (text, str(seed), str(len(train))) in done:
            continue
        row = _try(method.build(config, seed), train, validation)
        row |= {"config": text, "seed": str(seed), "commit": revision}
        done.add(_trial(row))
        _add(table, [row], preset)
        yield f"{row['error_pct']} %  {row['fit_s']} s  {changes or 'as it is'}"


def _table(method: str, dataset: Dataset) -> Path:
    root = ROOT / "docs" if dataset.published and is_checkout() else artifacts()
    return measured_table(root / "search", method, dataset)


def _trial(row: dict[str, str]) -> tuple[str, str, str]:
    return row["config"], row["seed"], row["n_train"]


def _try(model: Method, train: Split, validation: Split) -> dict[str, str]:
    before, start = spent.recalled_s(), time.perf_counter()
    model.fit(train.images, train.labels)
    fit_s = time.perf_counter() - start + spent.recalled_s() - before
    wrong = n_errors(validation.labels, model.predict(validation.images))
    return {
        "error_pct": f"{error_pct(wrong, len(validation)):.2f}",
        "n_errors": str(wrong),
        "n_validation": str(len(validation)),
        "n_train": str(len(train)),
        "fit_s": f"{fit_s:.0f}",
    }


def _add(table: Path, new: list[dict[str, str]], preset: dict[str, Any]) -> None:
    """Add trials; every row has its differences from the preset as it is now.

    A setting that did not exist when a row was tried is null there.
    """
    preset = json.loads(json.dumps(preset))  # tuples become lists, as in the rows
    with locked(table.parent):
        tried = {_trial(row) for row in new}
        rows = [r for r in read_measurements(table, SEARCH) if _trial(r) not in tried]
        _write(table, rows + new, preset)


def _write(table: Path, rows: list[dict[str, str]], preset: dict[str, Any]) -> None:
    for row in rows:
        config = json.loads(row["config"])
        names = sorted(config.keys() | preset.keys())
        found = {name: config.get(name) for name in names}
        changes = {k: v for k, v in found.items() if v != preset.get(k)}
        row["changes"] = json.dumps(changes)
    ranked = sorted(rows, key=lambda row: (-int(row["n_train"]), int(row["n_errors"])))
    write_rows(table, SEARCH, ranked)
