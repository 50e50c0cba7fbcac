"""Saved models on corrupted test images, and on digits from another dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Method
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_errors
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.corruptions import find_corruptions
from visbase.pipeline.experiments.corruptions.other_hand import other_hand
from visbase.pipeline.experiments.measured import (
    CLEAN,
    OTHER_HAND,
    CorruptionErrors,
    is_committed,
    measured_table,
    read_measurements,
)
from visbase.pipeline.experiments.records import GPU
from visbase.pipeline.images.batches import sizes, stack
from visbase.pipeline.models.card import data_fingerprint
from visbase.pipeline.models.file import Model, load_model
from visbase.pipeline.models.methods import as_json, find_method
from visbase.pipeline.storage import artifacts, measured
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import write_rows

PART = 500  # images that are predicted at once
TestSet = tuple[str, int, str]  # corruption, level, strength


def measure_corruption(path: Path, dataset: Dataset) -> Iterator[str]:
    """Count a saved model's errors under every corruption; yield a line per test set.

    The table grows under artifacts/corruption, in a folder of the model file. Once it
    is complete, and if the code is committed, it is written to corruption/<dataset>
    beside the records as well. Raises BadInput for a model of another dataset, of other
    training images, or whose settings are not the method's.
    """
    model = load_model(path)
    _require_full(path, model, dataset)
    digest, revision = model.sha256[:12], provenance.revision()
    committed = is_committed(revision)
    method = model.method + GPU * ("cuda" in model.card.device)
    table = measured_table(artifacts() / "corruption" / digest, method, dataset)
    family = find_method(model.method).family
    n_sizes = len(np.unique(sizes(dataset.test.images), axis=0))
    if n_sizes > 1:
        raise BadInput(
            f"corruptions are measured on test images of one size, found {n_sizes} "
            "sizes; resize the images"
        )
    images = stack(dataset.test.images)
    if images.ndim == 3:  # a folder may have colour, but need not
        dataset = replace(dataset, channels=1)
    wanted = list(_all(dataset))
    rows = _held(table, wanted, digest, committed)
    for name, level, strength in wanted:
        if (name, level, strength) in rows:
            continue
        corrupted, truth = _images(name, level, images, dataset)
        row = CorruptionErrors(
            method=method,
            family=family,
            corruption=name,
            level=level,
            strength=strength,
            n_errors=_errors_of(model.classifier, corrupted, truth),
            n_test=len(truth),
            model=digest,
            commit=revision,
        )
        with locked(table.parent):
            rows |= _held(table, wanted, digest, committed)  # added by other processes
            rows[name, level, strength] = row
            write_rows(table, CorruptionErrors, rows.values())
        error = error_pct(row.n_errors, len(truth))
        yield f"{method}, {f'{name} {strength}'.strip()}: {error:.2f} %"
    if dataset.published and committed and not model.card.dirty:
        table = measured_table(measured("corruption"), method, dataset)
        with locked(table.parent):
            write_rows(table, CorruptionErrors, (rows[which] for which in wanted))
    yield f"{method}: {len(rows)} test sets in {table}"


def _held(
    table: Path, wanted: Sequence[TestSet], digest: str, committed: bool
) -> dict[TestSet, CorruptionErrors]:
    """Rows of the model that are there, by test set; the others are measured again.

    committed: rows that uncommitted code measured do not count.
    """
    rows = {}
    for row in read_measurements(table, CorruptionErrors):
        which = row.corruption, row.level, row.strength
        counts = row.model == digest and which in wanted
        if counts and (not committed or is_committed(row.commit)):
            rows[which] = row
    return rows


def _require_full(path: Path, model: Model, dataset: Dataset) -> None:
    card = model.card
    if card.dataset != dataset.name:
        raise BadInput(f"{path}: a model of {card.dataset}, not of {dataset.name}")
    usual = find_method(model.method).presets(dataset.kind, dataset.published_name)[
        "full"
    ]
    all_images = card.training_data_sha256 == data_fingerprint(dataset.train)
    if not all_images or card.config != as_json(usual):
        name, split = dataset.name, ""
        if not dataset.published:
            name, split = "folder:PATH", " and the same split"
        raise BadInput(
            f"{path}: was not trained on all training images of {dataset.name} with "
            f"the settings of {model.method}; save one with `visbase run "
            f"{model.method} --dataset {name} --save FILE`{split}"
        )


def _all(dataset: Dataset) -> Iterator[TestSet]:
    """Name, level and strength of every test set."""
    yield CLEAN, 0, ""
    for corruption in find_corruptions(dataset.kind, dataset.channels):
        for level in range(1, 1 + len(corruption.strengths)):
            yield corruption.name, level, corruption.strength(level)
    if dataset.kind == "digits":
        yield OTHER_HAND, 0, ""


def _images(
    name: str, level: int, images: NDArray[np.uint8], dataset: Dataset
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if name == CLEAN:
        return images, dataset.test.labels
    if name == OTHER_HAND:
        return other_hand()
    known = find_corruptions(dataset.kind, dataset.channels)
    corruption = next(one for one in known if one.name == name)
    return corruption.apply(images, level), dataset.test.labels


def _errors_of(
    classifier: Method, images: NDArray[np.uint8], truth: NDArray[np.int64]
) -> int:
    """Errors, counted in parts so small that their features are not kept on disk."""
    answers = [
        classifier.predict(images[first : first + PART])
        for first in range(0, len(images), PART)
    ]
    return n_errors(truth, np.concatenate(answers))
