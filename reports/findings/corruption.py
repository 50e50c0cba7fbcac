"""Corrupted test images: which method's error grows least?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct
from visbase.pipeline.experiments.measured import CLEAN, OTHER_HAND, CorruptionErrors
from visbase.reports.charts import ERROR, Chart
from visbase.reports.findings import Finding, families, read_evidence, tables
from visbase.reports.measures import Runs

ORDER = 20
NAME = "corruption"
COLUMNS = CorruptionErrors.__struct_fields__
Rows = Sequence[CorruptionErrors]

LEVELS = range(1, 6)  # severities


def find(folder: Path, dataset: Dataset, _runs: Sequence[Runs]) -> Finding | None:
    """Read corruption/<dataset>/<method>.csv in the reports' folder."""
    return corruption_finding(folder / "corruption", dataset.name)


def corruption_finding(folder: Path, dataset: str) -> Finding | None:
    """Read <dataset>/<method>.csv; None if nothing was measured."""
    rows = [
        row
        for path in tables(folder / dataset)
        for row in read_evidence(path, CorruptionErrors)
    ]
    if not rows:
        return None
    methods = _methods(rows)
    _require_all(rows, folder / dataset)
    return Finding(
        name=NAME,
        title="Test error on corrupted images",
        sentences=sentences(rows),
        charts=[
            Chart(
                "lines",
                "Each corruption at five severities",
                "severity (0: clean)",
                ERROR,
                [
                    {
                        "method": method,
                        "family": families(rows)[method],
                        "panel": _words(kind),
                        "x": level,
                        "y": error_at(rows, method, kind, level),
                    }
                    for method in methods
                    for kind in _kinds(rows)
                    for level in (0, *LEVELS)
                ],
            )
        ],
        columns=COLUMNS,
        rows=rows,
        head=("corruption: mean error over five severities (%)", *methods),
        table=_table(rows),
    )


def sentences(rows: Rows) -> list[str]:
    """Say which methods are robust, and to what, from the rows of the CSV file."""
    methods, kinds = _methods(rows), _kinds(rows)
    means = {name: mean_corruption_error(rows, name) for name in methods}
    hardest = []
    for name in methods:
        error, kind = max((_mean_of(rows, name, kind), kind) for kind in kinds)
        hardest.append(f"{_words(kind)} for {name} ({error:.1f} %)")
    best = min(means, key=means.__getitem__)
    lines = [
        f"{best} has the lowest mean error over {len(kinds)} corruptions at "
        f"{len(LEVELS)} severities: {_ranked(means)}.",
        f"Hardest corruption (mean over five severities): {', '.join(hardest)}.",
    ]
    winner = {k: min(methods, key=lambda name: _mean_of(rows, name, k)) for k in kinds}
    for name in methods:
        against = [_words(kind) for kind in kinds if winner[kind] == name]
        if against and name != best:
            lines.append(
                f"{name} has the lowest error under {len(against)} of the {len(kinds)} "
                f"corruptions: {', '.join(against)}."
            )
    others = [row for row in rows if row.corruption == OTHER_HAND]
    if others:
        errors = {row.method: error_pct(row.n_errors, row.n_test) for row in others}
        n = others[0].n_test
        lines.append(
            f"On {n:,} digits from another dataset, "
            f"{min(errors, key=errors.__getitem__)} has the lowest error: "
            f"{_ranked(errors)}."
        )
    return lines


def error_at(rows: Rows, method: str, corruption: str, level: int) -> float:
    """Look up an error in percent; level 0 of any corruption is the clean images."""
    kind = corruption if level or corruption == OTHER_HAND else CLEAN
    for row in rows:
        if (row.method, row.corruption, row.level) == (method, kind, level):
            return error_pct(row.n_errors, row.n_test)
    raise LookupError(f"{method} was not measured under {corruption}, level {level}")


def mean_corruption_error(rows: Rows, method: str) -> float:
    """Average the error over all corruptions and severities, in percent.

    Unlike Hendrycks & Dietterich 2019, section 4.1, it is not divided by the error of
    AlexNet, which has no counterpart here.
    """
    return float(np.mean([_mean_of(rows, method, kind) for kind in _kinds(rows)]))


def _ranked(errors: dict[str, float]) -> str:
    """List the methods with their errors, lowest first."""
    order = sorted(errors, key=errors.__getitem__)
    return ", ".join(f"{name} {errors[name]:.1f} %" for name in order)


def _mean_of(rows: Rows, method: str, kind: str) -> float:
    return float(np.mean([error_at(rows, method, kind, k) for k in LEVELS]))


def _require_all(rows: Rows, folder: Path) -> None:
    """Raise BadInput unless all methods were measured on the same test sets.

    These are the clean images, five severities of every corruption, and any other test
    set that one of the methods has.
    """
    measured = {name: set[tuple[str, int]]() for name in _methods(rows)}
    for row in rows:
        measured[row.method].add((row.corruption, row.level))
    everything = set().union({(CLEAN, 0)}, *measured.values())
    kinds = _kinds(rows)
    everything |= {(kind, level) for kind in kinds for level in LEVELS}
    if not kinds:
        raise BadInput(
            f"{folder}: expected at least one corruption, found none; run `visbase "
            "corruption`"
        )
    for corruption, level in sorted(everything):
        holders = [name for name, own in measured.items() if (corruption, level) in own]
        if len(holders) == 1 < len(measured) - 1:
            raise BadInput(
                f"{folder / holders[0]}.csv: {corruption}, severity {level}, was not "
                "measured for any other method; remove the file or run `visbase "
                "corruption` again"
            )
    for name, own in measured.items():
        if own != everything:
            corruption, level = min(everything - own)
            raise BadInput(
                f"{folder / name}.csv: {corruption}, severity {level}, is missing; "
                "remove the file or run `visbase corruption` again"
            )


def _words(kind: str) -> str:
    words = kind.replace("_", " ").replace("gaussian", "Gaussian")
    return words.replace("jpeg", "JPEG")


def _methods(rows: Rows) -> list[str]:
    return sorted({row.method for row in rows})


def _kinds(rows: Rows) -> list[str]:
    """List the corruptions in the order of the file."""
    names = dict.fromkeys(row.corruption for row in rows)
    return [name for name in names if name not in (CLEAN, OTHER_HAND)]


def _table(rows: Rows) -> list[tuple[str, ...]]:
    methods = _methods(rows)

    def line(name: str, errors: list[float]) -> tuple[str, ...]:
        return (name, *(f"{error:.2f}" for error in errors))

    lines = [
        line("clean", [error_at(rows, name, CLEAN, 0) for name in methods]),
        *(
            line(_words(kind), [_mean_of(rows, name, kind) for name in methods])
            for kind in _kinds(rows)
        ),
        line(
            "mean over all corruptions",
            [mean_corruption_error(rows, name) for name in methods],
        ),
    ]
    if any(row.corruption == OTHER_HAND for row in rows):
        other = [error_at(rows, name, OTHER_HAND, 0) for name in methods]
        lines.append(line("digits from another dataset", other))
    return lines
