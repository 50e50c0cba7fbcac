"""Sound records, cards, rows and combinations, for tests to change."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import fields

from tests.soak.readers import COMBINATION
from visbase.pipeline.experiments import measured
from visbase.pipeline.experiments.records import Record
from visbase.pipeline.models.card import Card
from visbase.pipeline.storage import ROOT

RECORD: dict[str, Any] = {
    **{"method": "nearest", "summary": "nearest image", "family": "classical"},
    **{"dataset": "mnist", "preset": "full", "seed": 0},
    "config": {"n_words": 400, "levels": [1, 2]},
    **{"n_train": 60_000, "n_test": 5, "n_correct": 4, "n_parameters": 99},
    **{"fit_s": 12.34, "predict_s": 5.6, "peak_rss_mb": 1234.5},
    **{"device": "cpu", "cpu": "a processor", "n_cores": 2},
    **{"versions": {"python": "3.11"}, "commit": "abc", "dirty": False},
    "started": "2026-01-01T00:00:00+00:00",
}
CARD: dict[str, Any] = {  # what none may lack
    **{
        field.name: RECORD[field.name]
        for field in fields(Card)
        if field.required and field.name in RECORD
    },
    **{"format": 1, "method": "majority", "config": {}, "kind": "objects"},
    **{"classes": ["a", "b"], "image_size": [28, 28]},
    **{"training_data_sha256": "0", "licence": "CC0"},
}
TABLES = {  # committed, of every kind of row
    measured.CurvePoint: ROOT / "reports/curves/mnist/linear.csv",
    measured.CorruptionErrors: ROOT / "reports/corruption/mnist/linear.csv",
    measured.Cost: ROOT / "reports/cost/mnist.csv",  # of all methods
    measured.NetworkLayer: ROOT / "reports/layers/mnist/mlp3.csv",
    measured.ImageNetNetwork: ROOT / "reports/layers/imagenet.csv",
    measured.Trial: ROOT / "docs/search/mnist/linear.csv",
}
ROWS = [measured.read_measurements(path, kind)[0] for kind, path in TABLES.items()]


def make_record(**changes: Any) -> Record:
    return Record(**{**RECORD, **changes})


def write_combination_files(folder: Path, **changes: Any) -> Path:
    """A combination of a and b on three test images, some of its facts changed."""
    path = folder / "a+b.json"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(path.with_suffix(".npy"), np.zeros((5, 3), np.int16))
    path.write_text(json.dumps(COMBINATION | changes))
    return path
