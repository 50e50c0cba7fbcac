"""Damaged test images: whose error grows least?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import CLEAN, DAMAGE, OTHER_HAND
from visbase.reports.finding import Finding, families, read_evidence, tables

Rows = Sequence[dict[str, str]]
LEVELS = range(1, 6)


def damage_finding(folder: Path, dataset: str) -> Finding | None:
    """From damage/<dataset>/<method>.csv; None where nothing was measured."""
    from visbase.reports.finding_charts import (
        damage_chart,  # matplotlib is slow to import
    )

    rows = [
        row for path in tables(folder / dataset) for row in read_evidence(path, DAMAGE)
    ]
    if not rows:
        return None
    methods = _methods(rows)
    _require_all(rows, folder / dataset)
    errors = {
        method: {
            kind: [error_pct(rows, method, kind, level) for level in (0, *LEVELS)]
            for kind in _kinds(rows)
        }
        for method in methods
    }
    return Finding(
        name="damage",
        title="Test error on damaged images",
        sentences=sentences(rows),
        svg=damage_chart(errors, families(rows), "none"),
        columns=DAMAGE,
        rows=rows,
        head=("damage (mean error of five strengths, %)", *methods),
        table=_table(rows),
    )


def sentences(rows: Rows) -> list[str]:
    """What the damage does, from the rows of the CSV file alone."""
    methods, kinds = _methods(rows), _kinds(rows)
    means = {name: mean_corruption_error(rows, name) for name in methods}
    hardest = []
    for name in methods:
        error, kind = max((_mean_of(rows, name, kind), kind) for kind in kinds)
        hardest.append(f"for {name} {_words(kind)} ({error:.1f} %)")
    found = [
        f"By mean corruption error, over {len(kinds)} kinds of damage and "
        f"{len(LEVELS)} strengths of each, {_ranked(means)}.",
        f"Hardest is, by the mean of five strengths: {', '.join(hardest)}.",
    ]
    others = [row for row in rows if row["damage"] == OTHER_HAND]
    if others:
        errors = {
            row["method"]: 100 * int(row["n_errors"]) / int(row["n_test"])
            for row in others
        }
        n = int(others[0]["n_test"])
        found.append(f"On {n:,} digits of another origin {_ranked(errors)}.")
    return found


def error_pct(rows: Rows, method: str, damage: str, level: int) -> float:
    """Error in percent; level 0 of a damage is the undamaged images'."""
    kind = damage if level or damage == OTHER_HAND else CLEAN
    for row in rows:
        if (row["method"], row["damage"], row["level"]) == (method, kind, str(level)):
            return 100 * int(row["n_errors"]) / int(row["n_test"])
    raise LookupError(f"{method} was not measured under {damage}, level {level}")


def mean_corruption_error(rows: Rows, method: str) -> float:
    """Mean over all kinds and strengths, in percent; not divided by a baseline's.

    Hendrycks & Dietterich 2019, section 4.1, divide by AlexNet's, which has no
    counterpart here.
    """
    return float(np.mean([_mean_of(rows, method, kind) for kind in _kinds(rows)]))


def _ranked(errors: dict[str, float]) -> str:
    """The best method first, with all figures."""
    order = sorted(errors, key=lambda name: errors[name])
    figures = ", ".join(f"{name} {errors[name]:.1f} %" for name in order)
    return f"{order[0]} errs least: {figures}"


def _mean_of(rows: Rows, method: str, kind: str) -> float:
    return float(np.mean([error_pct(rows, method, kind, k) for k in LEVELS]))


def _require_all(rows: Rows, folder: Path) -> None:
    """Raise BadInput where a method lacks a test set, or has one of its own.

    All need the undamaged images, five strengths of a kind, and what another one has.
    """
    own = {name: set[tuple[str, str]]() for name in _methods(rows)}
    for row in rows:
        own[row["method"]].add((row["damage"], row["level"]))
    everything = set().union({(CLEAN, "0")}, *own.values())
    kinds = _kinds(rows)
    everything |= {(kind, str(level)) for kind in kinds for level in LEVELS}
    if not kinds:
        raise BadInput(f"{folder}: no kind of damage; measure by `visbase damage`")
    for damage, level in sorted(everything):
        holders = [name for name, done in own.items() if (damage, level) in done]
        if len(holders) == 1 < len(own) - 1:
            raise BadInput(
                f"{folder / holders[0]}.csv: {damage}, strength {level}, is of no "
                "other method; remove the file, or measure again by `visbase damage`"
            )
    for name, done in own.items():
        if done != everything:
            damage, level = min(everything - done)
            raise BadInput(
                f"{folder / name}.csv: {damage}, strength {level}, is missing; remove "
                "the file, or measure again by `visbase damage`"
            )


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _methods(rows: Rows) -> list[str]:
    return sorted({row["method"] for row in rows})


def _kinds(rows: Rows) -> list[str]:
    """The kinds of damage, in the order of the file."""
    found = dict.fromkeys(row["damage"] for row in rows)
    return [kind for kind in found if kind not in (CLEAN, OTHER_HAND)]


def _table(rows: Rows) -> list[tuple[str, ...]]:
    methods = _methods(rows)

    def line(name: str, errors: list[float]) -> tuple[str, ...]:
        return (name, *(f"{error:.2f}" for error in errors))

    lines = [
        line("undamaged", [error_pct(rows, name, CLEAN, 0) for name in methods]),
        *(
            line(_words(kind), [_mean_of(rows, name, kind) for name in methods])
            for kind in _kinds(rows)
        ),
        line(
            "mean corruption error",
            [mean_corruption_error(rows, name) for name in methods],
        ),
    ]
    if any(row["damage"] == OTHER_HAND for row in rows):
        other = [error_pct(rows, name, OTHER_HAND, 0) for name in methods]
        lines.append(line(OTHER_HAND, other))
    return lines
