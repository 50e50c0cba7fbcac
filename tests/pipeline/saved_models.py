"""Saved models of small methods, sound ones and forged ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from tests.pipeline.builders import make_record
from tests.pipeline.small_methods import N_TEST, N_TRAIN, small_config
from visbase.pipeline.contracts import Arrays, Method, join_parts
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.models.card import make_card
from visbase.pipeline.models.file import load_model, save_model
from visbase.pipeline.models.methods import as_json, find_method


def fit_and_save(name: str, train: Split, path: Path, **settings: Any) -> Method:
    """A method fitted with few, quick settings, and saved with classes a to j."""
    method = find_method(name)
    config = replace(small_config(method), **settings)
    classifier = method.build(config, 0)
    classifier.fit(train.images, train.labels)
    counts = {"n_train": N_TRAIN, "n_test": N_TEST, "n_correct": 50}
    facts = {"method": name, "dataset": "toy", "config": as_json(config)}
    record = make_record(**facts, **counts)
    toy = Dataset("toy", train, train, tuple("abcdefghij"), "objects", 1)
    card = make_card(msgspec.structs.asdict(record), train, toy, False, "CC0")
    save_model(path, classifier, card)
    return classifier


Change = Callable[[dict[str, Any], Arrays], object]  # of a card and of arrays


def resave(saved: Path, path: Path, change: Change) -> Path:
    """A copy with changes and a right checksum, as an attacker would write it."""
    model = load_model(saved)
    arrays, card = model.classifier.arrays(), msgspec.structs.asdict(model.card)
    if model.calibration is not None:
        arrays |= join_parts({"calibration": model.calibration.arrays()})
    change(card, arrays)
    save_model(path, SimpleNamespace(arrays=lambda: arrays), card)  # type: ignore[arg-type]
    return path


def of_classes(train: Split, *labels: int) -> Split:
    rows = np.flatnonzero(np.isin(train.labels, labels))
    return Split(train.images[rows], train.labels[rows], [""] * len(rows))
