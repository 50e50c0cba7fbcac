"""The measures: each file here that assigns MEASURES adds columns to every table.

A measure is declared once, in a tuple `MEASURES = (Measure(...), ...)`, and appears in
CSV, JSON and on the page, and in the tables named by its `short`. Files are sorted by
their ORDER, then by name.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_errors, probabilities_of
from visbase.pipeline.experiments.records import Record
from visbase.pipeline.storage import declarations
from visbase.reports import measures
from visbase.reports.published import Published

LAST = 100  # ORDER of a file that does not assign it
TERMINAL, MARKDOWN, LATEX = "terminal", "markdown", "latex"
SHORT = (TERMINAL, MARKDOWN, LATEX)  # tables with only some of the measures

IntArray = NDArray[np.integer]


@dataclass(frozen=True)
class Runs:
    """All records of one method in the order of the seeds, and the arrays of each.

    predictions: truth and prediction (2, n_test), empty for a failed run; extras:
    scores and exhibits by name, see `experiments.records`; better: the runs of the
    method with the next lower error, if the methods are compared.
    """

    records: Sequence[Record]
    predictions: Sequence[IntArray]
    extras: Sequence[dict[str, NDArray[Any]]]
    better: Runs | None = None

    @property
    def method(self) -> str:
        return self.records[0].method

    @property
    def family(self) -> str:
        return self.records[0].family

    @property
    def good(self) -> list[int]:
        """Indices of the runs that did not fail."""
        return [i for i, record in enumerate(self.records) if record.error is None]

    @property
    def first_of_seeds(self) -> list[int]:
        """Indices of the good runs without repetitions of a seed elsewhere."""
        first: dict[int, int] = {}
        for i in self.good:
            first.setdefault(self.records[i].seed, i)
        return list(first.values())

    @property
    def answers(self) -> IntArray:
        """Truth and prediction (2, n_test) of the first run that did not fail."""
        return self.predictions[self.good[0]]

    @property
    def errors_pct(self) -> list[float]:
        """Error of each good run, in percent."""
        return [
            error_pct(n_errors(*self.predictions[i]), self.records[i].n_test)
            for i in self.good
        ]

    def probabilities(self, i: int) -> NDArray[np.float64] | None:
        """Return those of run i (n_test, C); None if its scores are something else."""
        scores = self.extras[i].get("scores")
        return None if scores is None else probabilities_of(scores)


@dataclass(frozen=True)
class Row:
    """One method over all its seeds.

    errors_pct: error of each good seed; lecture: the lecture's figure for the method;
    failure: the reason of the first failed seed; values: measure name -> value, NaN if
    unknown; trained_on: what others have trained a part of it on, see `IsPretrained`.
    """

    method: str
    summary: str
    seeds: tuple[int, ...]
    errors_pct: tuple[float, ...]
    lecture: Published | None
    failure: str | None
    values: Mapping[str, float]
    trained_on: str = ""

    def __getitem__(self, measure: str) -> float:
        return self.values[measure]


@dataclass(frozen=True)
class Measure:
    """One column: its name, how it is computed and how it is formatted.

    name: heading in CSV and JSON; title: heading elsewhere, empty if the value is part
    of another measure's cell; better: "lower", "higher" or "" if neither; format: of
    the value outside CSV and JSON; compute: runs of one method -> value, NaN if
    unknown; note: one sentence about it; short: the tables in SHORT that show it;
    exact: format in CSV, "" for all digits; rank: sorts the columns outside CSV and
    JSON; cell: text of a cell that combines several values; remark: text shown when the
    pointer rests on a cell of the page.
    """

    name: str
    title: str
    better: str
    format: str
    compute: Callable[[Runs], float]
    note: str
    short: Sequence[str] = ()
    exact: str = ".4f"
    rank: int = 2
    cell: Callable[[Row], str] | None = None
    remark: Callable[[Row], str] | None = None

    def __post_init__(self) -> None:
        if self.better not in ("lower", "higher", ""):
            raise ValueError(
                f"{self.name}: better is {self.better!r}, expected 'lower', 'higher' "
                "or ''"
            )
        if not {*self.short} <= {*SHORT}:
            raise ValueError(
                f"{self.name}: short is {self.short!r}, expected some of "
                f"{', '.join(SHORT)}"
            )

    def text(self, row: Row) -> str:
        """Format the cell; empty if the value is unknown."""
        if self.cell is not None:
            return self.cell(row)
        return format_value(row[self.name], self.format)


def find_measures() -> list[Measure]:
    """Return all measures, in the order of the files and of each file's MEASURES."""
    files = [
        importlib.import_module(f"{measures.__name__}.{name}")
        for name in declarations(measures, "MEASURES")
    ]
    files.sort(key=lambda file: (getattr(file, "ORDER", LAST), file.__name__))
    by_name: dict[str, Measure] = {}
    for file in files:
        for measure in file.MEASURES:
            if measure.name in by_name:
                raise BadInput(
                    f"{file.__file__}: a measure named {measure.name} already exists; "
                    "choose another name"
                )
            by_name[measure.name] = measure
    return list(by_name.values())


def columns(table: str = "") -> list[Measure]:
    """Return the columns of one of the SHORT tables, or of the page, sorted by rank."""
    titled = [measure for measure in find_measures() if measure.title]
    shown = [measure for measure in titled if not table or table in measure.short]
    return sorted(shown, key=lambda measure: measure.rank)


def format_value(value: float, form: str) -> str:
    """Format a number; NaN becomes an empty text."""
    return "" if math.isnan(value) else f"{value:{form}}"


def mean_of_known(values: Sequence[float | None]) -> float:
    """Average the values that are neither None nor NaN; NaN if there are none."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def of_records(value: Callable[[Record], float | None]) -> Callable[[Runs], float]:
    """Make a measure: the mean over good seeds of a value from the first record."""
    return lambda runs: mean_of_known(
        [value(runs.records[i]) for i in runs.first_of_seeds]
    )


def of_labels(
    measure: Callable[[IntArray, IntArray], float],
) -> Callable[[Runs], float]:
    """Make a measure: the mean over seeds of measure(truth (n,), prediction (n,))."""
    return lambda runs: mean_of_known(
        [measure(*runs.predictions[i]) for i in runs.good]
    )


def of_probabilities(
    measure: Callable[[IntArray, NDArray[np.float64]], float],
) -> Callable[[Runs], float]:
    """Make a measure: the mean over seeds of measure(truth (n,), probabilities (n, C)).

    Seeds without probabilities, or without a column for every label, are left out.
    """

    def mean(runs: Runs) -> float:
        values = []
        for i in runs.good:
            truth, probabilities = runs.predictions[i][0], runs.probabilities(i)
            if probabilities is not None and truth.max() < probabilities.shape[1]:
                values.append(measure(truth, probabilities))
        return mean_of_known(values)

    return mean
