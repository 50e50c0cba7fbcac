"""The table of a comparison: one row per contestant, the most accurate first."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visbase.pipeline.evaluation import (
    balanced_accuracy,
    confusion_matrix,
    difference_interval,
    macro_f1,
    mean_and_deviation,
    split_interval,
    wilson_interval,
)
from visbase.reports.comparison.contestants import Answers, Contestant


@dataclass(frozen=True)
class Cell:
    """text is shown, value sorts the column (NaN: unknown)."""

    text: str
    value: float = math.nan


@dataclass(frozen=True)
class TableRow:
    """One contestant; cells by column title, empty if it failed.

    trained_on: what others have trained a part of it on, "" for nothing.
    """

    method: str
    summary: str
    trained_on: str
    failure: str | None
    cells: dict[str, Cell]


NOTES = {  # of the columns
    "accuracy (%)": "test photographs classified correctly, mean over the splits",
    "95 % interval": "Wilson's for one split; over several, Nadeau and Bengio's "
    "corrected t interval",
    "macro F1 (%)": "F1 averaged over the classes, each counting the same",
    "balanced (%)": "recall averaged over the classes",
    "to the best (points)": "difference of the accuracy to that of the best method on "
    "the same splits, with its 95 % interval: Bonett and Price's for one split, else "
    "Nadeau and Bengio's",
    "fit (s)": "wall-clock time of training, the slowest split",
    "ms an image": "wall-clock time of classifying a photograph from its file",
    "model (MB)": "learned arrays",
    "splits": "random splits that it was trained and tested on",
}


def table_rows(contestants: Sequence[Contestant]) -> list[TableRow]:
    """Return a row per contestant, failed ones last."""
    ranked = rank(contestants)
    rows = [_row(one, ranked[0]) for one in ranked]
    failed = [one for one in contestants if not one.answers]
    return rows + [
        TableRow(one.method, one.summary, "", one.failure or "no result", {})
        for one in failed
    ]


def print_table(rows: Sequence[TableRow]) -> None:
    """Print the rows; those that others trained a part of stand apart."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("method", no_wrap=True)
    for title in NOTES:
        table.add_column(title, justify="right", no_wrap=True)
    own = [row for row in rows if row.cells and not row.trained_on]
    others = [row for row in rows if row.cells and row.trained_on]
    for group in (own, others):
        for row in group:
            table.add_row(row.method, *(row.cells[title].text for title in NOTES))
        table.add_section()
    console = Console(width=None if os.isatty(1) else 150)
    console.print(table)
    for row in others:
        console.print(Text(f"{row.method}: trained on {row.trained_on}"), style="dim")
    for row in rows:
        if row.failure is not None:
            console.print(Text(f"{row.method} failed: {row.failure}"))


def rank(contestants: Sequence[Contestant]) -> list[Contestant]:
    """Return the contestants with answers, the most accurate first.

    Splits differ in difficulty. So each is compared with one and the same, the most
    accurate of those with the most splits, on the splits that both have.
    """
    able = [one for one in contestants if one.answers]
    most = max((len(one.answers) for one in able), default=0)
    usual = max((c for c in able if len(c.answers) == most), key=accuracy, default=None)

    def lead(one: Contestant) -> float:
        assert usual is not None
        shared = difference(one, usual)[0]
        return accuracy(one) - accuracy(usual) if math.isnan(shared) else shared

    return sorted(able, key=lead, reverse=True)


def accuracy(contestant: Contestant) -> float:
    """Average the accuracy over the splits, as a fraction."""
    return mean_and_deviation([one.accuracy for one in contestant.answers])[0]


def accuracy_interval(contestant: Contestant) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy, as fractions."""
    answers = contestant.answers
    if len(answers) == 1:
        n = len(answers[0].truth)
        low, high = wilson_interval(int(np.sum(~answers[0].right)), n)
        return 1 - high, 1 - low
    low, high = split_interval([one.accuracy for one in answers], _ratio(answers[0]))
    return max(low, 0.0), min(high, 1.0)


def difference(first: Contestant, second: Contestant) -> tuple[float, float, float]:
    """Return first minus second in accuracy, and its 95 % interval, as fractions.

    Only splits that both were tested on count; NaN if there is none.
    """
    theirs = {one.record.fingerprint: one for one in second.answers}
    pairs = [
        (one, theirs[one.record.fingerprint])
        for one in first.answers
        if one.record.fingerprint in theirs
    ]
    if not pairs:
        return math.nan, math.nan, math.nan
    values = [ours.accuracy - other.accuracy for ours, other in pairs]
    mean = mean_and_deviation(values)[0]
    if len(pairs) == 1:
        ours, other = pairs[0]
        return mean, *difference_interval(ours.right, other.right)
    low, high = split_interval(values, _ratio(pairs[0][0]))
    return mean, max(low, -1.0), min(high, 1.0)


def _ratio(answers: Answers) -> float:
    return answers.record.n_test / answers.record.n_train


def _row(contestant: Contestant, best: Contestant) -> TableRow:
    answers = contestant.answers
    records = [one.record for one in answers]
    confusions = [
        confusion_matrix(one.truth, one.prediction, len(one.record.classes))
        for one in answers
    ]
    low, high = accuracy_interval(contestant)
    gap, gap_low, gap_high = difference(contestant, best)
    ms = [1000 * (r.predict_s or 0) / r.n_test for r in records]
    size = (records[0].model_bytes or 0) / 1e6
    fit_s = max(r.fit_s or 0 for r in records)
    f1 = 100 * mean_and_deviation([macro_f1(c) for c in confusions])[0]
    balanced = 100 * mean_and_deviation([balanced_accuracy(c) for c in confusions])[0]
    is_best = contestant is best
    texts = (
        _cell(100 * accuracy(contestant), ".1f"),
        Cell(f"{100 * low:.1f} to {100 * high:.1f}", low),
        _cell(f1, ".1f"),
        _cell(balanced, ".1f"),
        Cell("best", 0.0)
        if is_best
        else Cell("no shared split")
        if math.isnan(gap)
        else Cell(
            f"{100 * gap:+.1f} ({100 * gap_low:+.1f} to {100 * gap_high:+.1f})", gap
        ),
        _cell(fit_s, ".1f" if fit_s < 10 else ".0f"),
        _cell(mean_and_deviation(ms)[0], ".1f"),
        _cell(size, ".1f"),
        Cell(str(len(answers)), len(answers)),
    )
    return TableRow(
        contestant.method,
        contestant.summary,
        contestant.trained_on,
        contestant.failure,
        dict(zip(NOTES, texts, strict=True)),
    )


def _cell(value: float, form: str) -> Cell:
    return Cell(f"{value:{form}}", value)
