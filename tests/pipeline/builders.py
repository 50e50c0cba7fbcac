"""Sound records, cards, rows and combinations, for tests to change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from visbase.pipeline.experiments.measured import (
    CorruptionErrors,
    Cost,
    CurvePoint,
    Trial,
)
from visbase.pipeline.experiments.records import Record

RECORD: dict[str, Any] = {
    "method": "nearest",
    "summary": "nearest image",
    "family": "classical",
    "dataset": "mnist",
    "preset": "full",
    "seed": 0,
    "config": {"n_words": 400, "levels": [1, 2]},
    "n_train": 60_000,
    "n_test": 5,
    "n_correct": 4,
    "fit_s": 12.34,
    "predict_s": 5.6,
    "peak_rss_mb": 1234.5,
    "n_parameters": 99,
    "device": "cpu",
    "cpu": "a processor",
    "n_cores": 2,
    "versions": {"python": "3.11"},
    "commit": "abc",
    "dirty": False,
    "started": "2026-01-01T00:00:00+00:00",
}
CARD: dict[str, Any] = {
    "format": 1,
    "method": "majority",
    "preset": "quick",
    "config": {},
    "seed": 0,
    "dataset": "toy",
    "kind": "objects",
    "classes": ["a", "b"],
    "image_size": [28, 28],
    "training_data_sha256": "0",
    "n_train": 4,
    "n_test": 4,
    "n_correct": 2,
    "versions": {},
    "commit": None,
    "dirty": None,
    "started": "2026",
    "licence": "CC0",
}
COMBINATION: dict[str, Any] = {
    "methods": ["a", "b"],
    "weight": 0.5,
    "n_validation": 50,
    "validation_errors": {"a": 20, "b": 10, "weighted sum": 4},
    "answers": ["a", "b", "weighted sum", "stacked"],
    "commit": "0123456789",
}
ROW: dict[str, Any] = {
    "method": "linear",
    "family": "classical",
    "n_errors": 1,
    "n_test": 10,
    "fit_s": 1.5,
    "commit": "0123456789",
}
ROWS = (
    CurvePoint(
        **ROW,
        n_train=30,
        seed=0,
        validation="4 of 6",
        changes={},
        seconds=2.5,
        source="curve",
        config={"c": 1.0},
    ),
    CorruptionErrors(
        **{name: value for name, value in ROW.items() if name != "fit_s"},
        corruption="blur",
        level=1,
        strength="0.5 pixels",
        model="0123456789ab",
    ),
    Cost(
        **ROW,
        cpu_s=3.0,
        one_us=20.5,
        batch_us=0.125,
        model_bytes=100,
        peak_rss_mb=300,
        n_parameters=7850,
        cpu="a processor",
        n_cores=2,
    ),
    Trial(
        changes={},
        error_pct=5.0,
        n_errors=1,
        n_validation=20,
        n_train=100,
        seed=0,
        fit_s=2.0,
        commit="0123456789",
        config={"c": 1.0},
    ),
)


def make_record(**changes: Any) -> Record:
    return Record(**{**RECORD, **changes})


def write_combination_files(folder: Path, **changes: Any) -> Path:
    """A combination of a and b on three test images, some of its facts changed."""
    path = folder / "a+b.json"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(path.with_suffix(".npy"), np.zeros((5, 3), np.int16))
    path.write_text(json.dumps(COMBINATION | changes))
    return path
