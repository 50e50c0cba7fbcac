"""Measures: one file here that says MEASURES holds columns of every table.

A measure is declared once, in a tuple `MEASURES = (Measure(...), ...)` of a file here,
and every table has it: terminal, Markdown, CSV, JSON, LaTeX and the page. Files go by
ORDER, where they say it, then by name.
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

LAST = 100  # ORDER of a file that does not say it
TERMINAL, MARKDOWN, LATEX = "terminal", "markdown", "latex"
SHORT = (TERMINAL, MARKDOWN, LATEX)  # tables that hold a few measures

IntArray = NDArray[np.integer]


@dataclass(frozen=True)
class Runs:
    """All records of one method, seeds in order, and the arrays beside each.

    predictions: truth and prediction (2, n_test), empty for a run that failed; extras:
    scores and exhibits by name, see `experiments.records`; better: runs of the method
    with the next smaller error, where they are compared with it.
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
        """Positions of the runs that did not fail."""
        return [i for i, record in enumerate(self.records) if record.error is None]

    @property
    def errors_pct(self) -> list[float]:
        """Error of each good run in percent."""
        return [
            error_pct(n_errors(*self.predictions[i]), self.records[i].n_test)
            for i in self.good
        ]

    def probabilities(self, i: int) -> NDArray[np.float64] | None:
        """Of run i (n_test, C); None where its scores are no probabilities."""
        scores = self.extras[i].get("scores")
        return None if scores is None else probabilities_of(scores)


@dataclass(frozen=True)
class Row:
    """One method over all its seeds; values by the names of the measures, NaN unknown.

    errors_pct: of each seed; lecture: the figure that the lecture has for it.
    """

    method: str
    summary: str
    seeds: tuple[int, ...]
    errors_pct: tuple[float, ...]
    lecture: Published | None
    failure: str | None
    values: Mapping[str, float]

    def __getitem__(self, measure: str) -> float:
        return self.values[measure]


@dataclass(frozen=True)
class Measure:
    """One column: what it is called, how it is computed and how it is written.

    name: in CSV and JSON; title: its heading for people, empty where it stands in
    another's column; better: "lower", "higher", or "" where neither is; format: for
    people; compute: from the runs of one method, NaN where unknown; note: a line about
    it; short: which of SHORT have it; exact: its format in CSV, "" for all digits;
    rank: columns for people go by it; cell: the whole cell, where several values share
    one; remark: what is said of a cell on the page.
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
            raise ValueError(f"{self.name}: {self.better!r} is not a direction")
        if not {*self.short} <= {*SHORT}:
            raise ValueError(f"{self.name}: short tables are {', '.join(SHORT)}")

    def text(self, row: Row) -> str:
        """The cell for people; empty where the value is unknown."""
        return self.cell(row) if self.cell else written(row[self.name], self.format)


def find_measures() -> list[Measure]:
    """All measures, in the order of the files and in that of each file."""
    files = [
        importlib.import_module(f"{measures.__name__}.{name}")
        for name in declarations(measures, "MEASURES")
    ]
    files.sort(key=lambda file: (getattr(file, "ORDER", LAST), file.__name__))
    found: dict[str, Measure] = {}
    for file in files:
        for one in file.MEASURES:
            if one.name in found:
                raise BadInput(
                    f"{file.__file__}: there is a measure {one.name} already"
                )
            found[one.name] = one
    return list(found.values())


def columns(table: str = "") -> list[Measure]:
    """The columns for people of a short table, or without one of the page."""
    found = [one for one in find_measures() if one.title]
    kept = [one for one in found if not table or table in one.short]
    return sorted(kept, key=lambda one: one.rank)


def written(value: float, form: str) -> str:
    return "" if math.isnan(value) else f"{value:{form}}"


def mean_of_known(values: Sequence[float | None]) -> float:
    """NaN where none is known."""
    known = [one for one in values if one is not None and not math.isnan(one)]
    return float(np.mean(known)) if known else math.nan


def of_records(value: Callable[[Record], float | None]) -> Callable[[Runs], float]:
    """Mean over good seeds of what a record says."""
    return lambda runs: mean_of_known([value(runs.records[i]) for i in runs.good])


def of_labels(
    measure: Callable[[IntArray, IntArray], float],
) -> Callable[[Runs], float]:
    """Mean over good seeds of a measure of truth (n,) and prediction (n,)."""
    return lambda runs: mean_of_known(
        [measure(*runs.predictions[i]) for i in runs.good]
    )


def of_probabilities(
    measure: Callable[[IntArray, NDArray[np.float64]], float],
) -> Callable[[Runs], float]:
    """Mean over good seeds of a measure of truth (n,) and probabilities (n, C).

    Seeds without probabilities, or without a column for every label, do not count.
    """

    def mean(runs: Runs) -> float:
        found = []
        for i in runs.good:
            truth, values = runs.predictions[i][0], runs.probabilities(i)
            if values is not None and truth.max() < values.shape[1]:
                found.append(measure(truth, values))
        return mean_of_known(found)

    return mean
