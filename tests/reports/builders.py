"""Records of runs on ten images of five classes, and the dataset they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.experiments.records import Record, write_record
from visbase.reports.compare import compare, read_runs, to_markdown
from visbase.reports.measures import Row

TRUTH = np.arange(10) % 5
FACTS: dict[str, Any] = {
    "family": "classical",
    "dataset": "mnist",
    "preset": "full",
    "config": {},
    "n_train": 50,
    "n_test": 10,
    "predict_s": 1.5,
    "peak_rss_mb": 100.0,
    "n_parameters": 1,
    "device": "cpu",
    "cpu": "a processor",
    "n_cores": 2,
    "versions": {"numpy": "2", "python": "3.11"},
    "commit": "abc",
    "dirty": False,
    "started": "2026-01-01T00:00:00+00:00",
}


def add_run(
    results: Path, method: str, wrong: range = range(0), seed: int = 0, **changes: Any
) -> Path:
    """Write the record of a run that misclassifies the given ones of the ten images."""
    prediction = TRUTH.copy()
    prediction[wrong] += 1
    own = {
        "method": method,
        "summary": f"the {method} method",
        "seed": seed,
        "n_correct": 10 - len(wrong),
        "fit_s": 10.0 + 10 * seed,
    }
    record = Record(**{**FACTS, **own, **changes})
    if record.error is not None:
        return write_record(results, record)
    return write_record(results, record, TRUTH, prediction)


def add_failure(results: Path, method: str, reason: str, **changes: Any) -> Path:
    """Write the record of a run that failed."""
    nothing = {"n_correct": None, "fit_s": None, "predict_s": None}
    return add_run(results, method, **{"error": reason, **nothing, **changes})


def tiny_dataset(name: str, _folder: Path | None = None) -> Dataset:
    """The dataset of those runs."""
    images = np.full((10, 4, 4), 9, np.uint8)
    split = Split(images, TRUTH, [str(i) for i in range(10)])
    classes = tuple(f"class {i}" for i in range(6))
    return Dataset(name, split, split, classes, "digits", 1)


def rows_of(results: Path, dataset: str = "mnist") -> list[Row]:
    return compare(read_runs(results, dataset))


def markdown_of(results: Path, dataset: str = "mnist") -> str:
    runs = read_runs(results, dataset)
    return to_markdown(compare(runs), runs, dataset)


def table_line(markdown: str, method: str) -> list[str]:
    """The cells of a method's line."""
    (line,) = [t for t in markdown.splitlines() if t.startswith(f"| `{method}`")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]
