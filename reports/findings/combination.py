"""Two methods combined: how much better are they than the better one alone?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, mcnemar_exact, n_errors
from visbase.pipeline.experiments.measured import (
    Combination,
    is_committed,
    read_combination,
)
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.reading import Count, Positive, listed
from visbase.pipeline.storage.tables import Row
from visbase.reports.charts import ERROR, Chart
from visbase.reports.findings import Finding
from visbase.reports.measures import Runs

ORDER = 40
NAME = "combination"


class Answer(Row, frozen=True, kw_only=True):
    """Test errors of a method, or of two combined."""

    KEY = ("first", "second", "answer")
    first: str
    second: str
    answer: str
    n_errors: Count
    n_test: Positive
    validation_errors: Count | None
    n_validation: Positive
    weight_of_first: float | None
    better: str  # the method with fewer errors on the validation images
    p_against_better: float | None


COLUMNS = Answer.__struct_fields__
SIGNIFICANT = 0.05  # largest p value that is called significant


def find(folder: Path, dataset: Dataset, _runs: Sequence[Runs]) -> Finding | None:
    """Read combination/<dataset>/<a>+<b>.json in the reports' folder."""
    place, truth = folder / "combination", dataset.test.labels
    return combination_finding(place, dataset.name, truth)


def combination_finding(
    folder: Path, dataset: str, truth: NDArray[np.int64]
) -> Finding | None:
    """Read <dataset>/<a>+<b>.json; None if no combination was measured.

    truth (n_test,): labels of the test images; combinations must have the same.
    """
    place = folder / dataset
    # no other process may write a combination meanwhile
    with locked(place) if place.is_dir() else nullcontext():
        combinations = _read_all(place, dataset, truth)
    rows = [row for pair in combinations for row in combination_rows(pair)]
    if not rows:
        return None
    bars = {
        row.answer
        if row.answer in (row.first, row.second)
        else f"{row.first} + {row.second}: {row.answer}": _error(row)
        for row in rows
    }
    return Finding(
        name=NAME,
        title="Test error of two methods combined",
        sentences=sentences(rows),
        charts=[
            Chart(
                "bars",
                "Both methods alone and combined",
                ERROR,
                "prediction",
                [{"method": name, "x": error} for name, error in bars.items()],
            )
        ],
        columns=COLUMNS,
        rows=rows,
        head=("methods", "prediction", "test error (%)", "p against the better method"),
        table=[
            (
                f"{row.first} + {row.second}",
                row.answer,
                f"{_error(row):.2f}",
                "" if row.p_against_better is None else f"{row.p_against_better:.2g}",
            )
            for row in rows
        ],
    )


def _read_all(place: Path, dataset: str, truth: NDArray[np.int64]) -> list[Combination]:
    combinations = []
    for path in listed(place, "*+*.*"):
        if path.suffix == ".npy" and not path.with_suffix(".json").exists():
            raise BadInput(
                f"{path}: has no {path.stem}.json beside it; run `visbase combine` "
                "again or remove the file"
            )
        if path.suffix != ".json":
            continue
        combination = read_combination(path)
        if not is_committed(combination.facts.commit):
            raise BadInput(
                f"{path}: was measured by uncommitted code; commit and measure again"
            )
        if not np.array_equal(combination.truth, truth):
            raise BadInput(
                f"{path}: expected the test labels of {dataset}, found others; run "
                f"`visbase combine {' '.join(combination.facts.methods)}` again"
            )
        combinations.append(combination)
    return combinations


def sentences(rows: Sequence[Answer]) -> list[str]:
    """Write one sentence per pair of methods, from the rows of the CSV file."""
    lines = []
    for first, second in sorted({(row.first, row.second) for row in rows}):
        by_answer = {
            row.answer: row
            for row in rows
            if (row.first, row.second) == (first, second)
        }
        better = by_answer[by_answer["stacked"].better]
        parts = []
        names = {"weighted sum": "a weighted sum", "stacked": "stacking"}
        for answer, name in names.items():
            row = by_answer[answer]
            p = 1.0 if row.p_against_better is None else row.p_against_better
            note = "" if p < SIGNIFICANT else ", not significant"
            parts.append(f"{name} makes {row.n_errors} errors (p = {p:.2g}{note})")
        lines.append(
            f"{first} and {second} combined (weights chosen on held-out images), "
            f"compared with {better.answer} alone ({better.n_errors} errors): "
            f"{parts[0]}; {parts[1]}."
        )
    return lines


def combination_rows(combination: Combination) -> list[Answer]:
    """Make one row for each method alone and for each way to combine them."""
    facts = combination.facts
    first, second = facts.methods
    better = min((first, second), key=lambda name: facts.validation_errors[name])
    return [
        Answer(
            first=first,
            second=second,
            answer=name,
            n_errors=n_errors(combination.truth, answers),
            n_test=len(answers),
            validation_errors=facts.validation_errors.get(name),
            n_validation=facts.n_validation,
            weight_of_first=facts.weight if name == "weighted sum" else None,
            better=better,
            p_against_better=_p_value(combination, better, name),
        )
        for name, answers in combination.answers.items()
    ]


def _p_value(combination: Combination, better: str, name: str) -> float | None:
    """McNemar's p of an answer against the better method, to two digits."""
    if name == better:
        return None
    answers = combination.answers
    p = mcnemar_exact(combination.truth, answers[better], answers[name])
    return float(f"{p:.2g}")


def _error(row: Answer) -> float:
    return error_pct(row.n_errors, row.n_test)
