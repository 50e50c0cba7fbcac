"""Choosing a method's settings on held-out training images.

The images of a sixth of the writers validate and the others train, where the writers
are known. Otherwise the last 10,000 training images validate, or the last sixth of a
smaller set; of a folder of photographs, its validation images or a random sixth of each
class. The test images are never looked at. Each trial changes some fields of the full
preset, as the method's SEARCH lists them.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from visbase.pipeline.contracts import Method
from visbase.pipeline.datasets.splits import (
    Dataset,
    Split,
    part,
    validation_split,
)
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_errors
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import (
    Trial,
    measured_table,
    read_measurements,
)
from visbase.pipeline.experiments.run import blaming_settings
from visbase.pipeline.models.methods import MethodFile, as_json
from visbase.pipeline.storage import ROOT, artifacts, is_checkout, spent
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import write_rows


def search_method(
    method: MethodFile,
    seed: int,
    dataset: Dataset,
    n_train: int | None,
    by_writer: bool = True,
    only: Any | None = None,
) -> Iterator[str]:
    """Run every trial that the table does not hold yet; yield a line per trial.

    only: a single Config to try instead of the full preset and the changes in SEARCH.
    n_train: train on the first n_train images that do not validate, None for all. Fewer
    images make a search quick and rank settings nearly as well. The table is
    docs/search/<dataset>/<method>.csv, sorted by training images (most first), then by
    errors; for a folder of photographs it is
    artifacts/search/<dataset>/<method>-<fingerprint>.csv, since its images may change.
    Validation by writer (see `validation_split`) has tables of its own, in
    search/by_writer: errors on other images cannot be compared. Other processes may add
    trials to it at the same time.
    """
    trials = method.trials if only is None else ()
    revision = provenance.revision()
    table = trials_table(method.name, dataset, by_writer)
    done = {_key(trial) for trial in read_measurements(table, Trial)}
    train, validation = _split(dataset, seed, n_train, by_writer)
    usual = method.presets(dataset.kind, dataset.published_name)["full"]
    _add(table, [], as_json(usual))
    configs = [dataclasses.replace(usual, **changes) for changes in ({}, *trials)]
    for config in configs if only is None else [only]:
        key = (_settings(as_json(config)), seed, len(train))
        if key in done:
            continue
        with blaming_settings(method.name, only is not None):
            wrong, fit_s = _try(method.build(config, seed), train, validation)
        trial = Trial(
            changes={},
            error_pct=round(error_pct(wrong, len(validation)), 2),
            n_errors=wrong,
            n_validation=len(validation),
            n_train=len(train),
            seed=seed,
            fit_s=round(fit_s),
            commit=revision,
            config=as_json(config),
        )
        done.add(key)
        _add(table, [trial], as_json(usual))
        changes = _changes(as_json(config), as_json(usual)) or "without changes"
        yield f"{trial.error_pct:.2f} %  {trial.fit_s:.0f} s  {changes}"


def _split(
    dataset: Dataset, seed: int, n_train: int | None, by_writer: bool
) -> tuple[Split, Split]:
    """The images that train and those that validate."""
    train, validation = validation_split(dataset, seed, by_writer)
    if n_train is not None and n_train > len(train):
        raise BadInput(
            f"--train {n_train}: only {len(train)} images are left to train on"
        )
    return train if n_train is None else part(train, slice(0, n_train)), validation


def trials_table(method: str, dataset: Dataset, by_writer: bool) -> Path:
    """Where the trials of a method are written; by_writer as in `search_method`."""
    root = ROOT / "docs" if dataset.published and is_checkout() else artifacts()
    folder = root / "search"
    if by_writer and dataset.train.writers is not None:
        folder /= "by_writer"
    return measured_table(folder, method, dataset)


def _key(trial: Trial) -> tuple[str, int, int]:
    return _settings(trial.config), trial.seed, trial.n_train


def _settings(config: dict[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)


def _try(model: Method, train: Split, validation: Split) -> tuple[int, float]:
    """Errors on the validation images, and the seconds of the fit."""
    before, start = spent.recalled_s(), time.perf_counter()
    model.fit(train.images, train.labels)
    fit_s = time.perf_counter() - start + spent.recalled_s() - before
    return n_errors(validation.labels, model.predict(validation.images)), fit_s


def _add(table: Path, new: list[Trial], preset: dict[str, Any]) -> None:
    """Add trials and update every row's differences from the preset.

    A setting that did not exist when a row was tried is null there.
    """
    with locked(table.parent):
        keys = {_key(trial) for trial in new}
        rows = read_measurements(table, Trial)
        trials = [trial for trial in rows if _key(trial) not in keys] + new
        trials = [
            msgspec.structs.replace(trial, changes=_changes(trial.config, preset))
            for trial in sorted(trials, key=lambda t: (-t.n_train, t.n_errors))
        ]
        write_rows(table, Trial, trials)


def _changes(config: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any]:
    names = sorted(config.keys() | preset.keys())
    return {n: config.get(n) for n in names if config.get(n) != preset.get(n)}
