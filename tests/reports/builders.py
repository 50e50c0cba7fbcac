"""Records of runs on ten images of five classes, and the dataset they belong to."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.pipeline.builders import RECORD
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.experiments.records import Record, write_record
from visbase.reports.compare import compare, read_runs, to_markdown
from visbase.reports.findings import Finding
from visbase.reports.measures import Row, Runs

Committed = tuple[list[Row], list[Runs], list[Finding]]
TRUTH = np.arange(10) % 5
FACTS = RECORD | {"config": {}, "n_train": 50, "n_test": 10, "predict_s": 1.5}


def add_run(
    results: Path, method: str, wrong: range = range(0), **changes: Any
) -> Path:
    """Write the record of a run that misclassifies the given ones of the images."""
    truth = changes.pop("truth", TRUTH)
    prediction = truth.copy()
    prediction[wrong] += 1
    facts = {"method": method, "summary": f"the {method} method"}
    facts |= {"n_test": len(truth), "n_correct": len(truth) - len(wrong)}
    facts |= {"fit_s": 10.0 + 10 * changes.get("seed", 0)}
    record = Record(**FACTS | facts | changes)
    return write_record(results, record, truth, prediction)


def add_failure(results: Path, method: str, reason: str, **changes: Any) -> Path:
    """Write the record of a run that failed."""
    facts = {"method": method, "summary": f"the {method} method", "error": reason}
    facts |= {"n_correct": None, "fit_s": None, "predict_s": None}
    return write_record(results, Record(**FACTS | facts | changes))


def tiny_dataset(
    name: str, _folder: Path | None = None, nested: bool = False
) -> Dataset:
    """The dataset of those runs."""
    assert not nested
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
