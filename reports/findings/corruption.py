"""Corrupted test images: whose error grows least?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct
from visbase.pipeline.experiments.measured import CLEAN, OTHER_HAND, CorruptionErrors
from visbase.reports.findings import Finding, Rows, families, read_evidence, tables

ORDER = 20
NAME = "corruption"
COLUMNS = CorruptionErrors.__struct_fields__

LEVELS = range(1, 6)


def find(folder: Path, dataset: Dataset) -> Finding | None:
    """From corruption/<dataset>/<method>.csv under the reports' folder."""
    return corruption_finding(folder / "corruption", dataset.name)


def corruption_finding(folder: Path, dataset: str) -> Finding | None:
    """From <dataset>/<method>.csv; None where nothing was measured."""
    rows = [
        row
        for path in tables(folder / dataset)
        for row in read_evidence(path, CorruptionErrors)
    ]
    if not rows:
        return None
    methods = _methods(rows)
    _require_all(rows, folder / dataset)
    errors = {
        method: {
            kind: [error_at(rows, method, kind, level) for level in (0, *LEVELS)]
            for kind in _kinds(rows)
        }
        for method in methods
    }
    return Finding(
        name=NAME,
        title="Test error on corrupted images",
        sentences=sentences(rows),
        svg=draw(errors, families(rows), "none"),
        columns=COLUMNS,
        rows=rows,
        head=("corruption (mean error of five strengths, %)", *methods),
        table=_table(rows),
    )


def draw(
    errors: dict[str, dict[str, list[float]]], families: dict[str, str], ground: str
) -> str:
    """A small chart per corruption.

    errors: method -> corruption -> error at levels 0 to 5, in percent.
    """
    import matplotlib.pyplot as plt  # slow to import

    from visbase.reports.figures import STYLE, line_styles, svg_of

    kinds = list(next(iter(errors.values())))
    with plt.style.context(STYLE):
        n_rows = -(-len(kinds) // 4)
        size = (7.6, 1.7 * n_rows + 0.5)
        figure, grid = plt.subplots(n_rows, 4, figsize=size, sharex=True, sharey=True)
        for kind, axes in zip(kinds, grid.flat, strict=False):
            for name, style in line_styles(list(errors), families).items():
                axes.plot(range(6), errors[name][kind], label=name, **style)
            axes.set_title(kind.replace("_", " "), fontsize=9)
            axes.grid(visible=True)
        grid.flat[0].set_ylim(0, 92)
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=5, fontsize=8)
        figure.supxlabel("strength; 0: clean", fontsize=9, y=0.06)
        figure.supylabel("test error, %", fontsize=9)
        figure.tight_layout(rect=(0, 0.07, 1, 1))
        return svg_of(figure, ground)


def sentences(rows: Rows) -> list[str]:
    """What the corruption does, from the rows of the CSV file alone."""
    methods, kinds = _methods(rows), _kinds(rows)
    means = {name: mean_corruption_error(rows, name) for name in methods}
    hardest = []
    for name in methods:
        error, kind = max((_mean_of(rows, name, kind), kind) for kind in kinds)
        hardest.append(f"for {name} {_words(kind)} ({error:.1f} %)")
    found = [
        f"By mean corruption error, over {len(kinds)} kinds of corruption and "
        f"{len(LEVELS)} strengths of each, {_ranked(means)}.",
        f"Hardest is, by the mean of five strengths: {', '.join(hardest)}.",
    ]
    others = [row for row in rows if row["corruption"] == OTHER_HAND]
    if others:
        errors = {
            row["method"]: error_pct(int(row["n_errors"]), int(row["n_test"]))
            for row in others
        }
        n = int(others[0]["n_test"])
        found.append(f"On {n:,} digits of another origin {_ranked(errors)}.")
    return found


def error_at(rows: Rows, method: str, corruption: str, level: int) -> float:
    """Error in percent; level 0 of a corruption is the clean images'."""
    kind = corruption if level or corruption == OTHER_HAND else CLEAN
    for row in rows:
        if (row["method"], row["corruption"], row["level"]) == (
            method,
            kind,
            str(level),
        ):
            return error_pct(int(row["n_errors"]), int(row["n_test"]))
    raise LookupError(f"{method} was not measured under {corruption}, level {level}")


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
    return float(np.mean([error_at(rows, method, kind, k) for k in LEVELS]))


def _require_all(rows: Rows, folder: Path) -> None:
    """Raise BadInput where a method lacks a test set, or has one of its own.

    All need the clean images, five strengths of a kind, and what another one has.
    """
    own = {name: set[tuple[str, str]]() for name in _methods(rows)}
    for row in rows:
        own[row["method"]].add((row["corruption"], row["level"]))
    everything = set().union({(CLEAN, "0")}, *own.values())
    kinds = _kinds(rows)
    everything |= {(kind, str(level)) for kind in kinds for level in LEVELS}
    if not kinds:
        raise BadInput(f"{folder}: no kind of corruption; run `visbase corruption`")
    for corruption, level in sorted(everything):
        holders = [name for name, done in own.items() if (corruption, level) in done]
        if len(holders) == 1 < len(own) - 1:
            raise BadInput(
                f"{folder / holders[0]}.csv: {corruption}, strength {level}, is of no "
                "other method; remove the file, or run `visbase corruption` again"
            )
    for name, done in own.items():
        if done != everything:
            corruption, level = min(everything - done)
            raise BadInput(
                f"{folder / name}.csv: {corruption}, strength {level}, is missing; "
                "remove the file, or run `visbase corruption` again"
            )


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _methods(rows: Rows) -> list[str]:
    return sorted({row["method"] for row in rows})


def _kinds(rows: Rows) -> list[str]:
    """The kinds of corruption, in the order of the file."""
    found = dict.fromkeys(row["corruption"] for row in rows)
    return [kind for kind in found if kind not in (CLEAN, OTHER_HAND)]


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
            "mean corruption error",
            [mean_corruption_error(rows, name) for name in methods],
        ),
    ]
    if any(row["corruption"] == OTHER_HAND for row in rows):
        other = [error_at(rows, name, OTHER_HAND, 0) for name in methods]
        lines.append(line(OTHER_HAND, other))
    return lines
