"""The comparison as text: Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from visbase.reports.compare import Row, Runs
from visbase.reports.published import WITHOUT_LEARNED_FILTERS

COLUMNS = (
    "method",
    "summary",
    "error_pct",
    "deviation_pct",
    "low_pct",
    "high_pct",
    "n_seeds",
    "lecture_pct",
    "p_next",
    "fit_s",
    "predict_s",
    "n_parameters",
    "peak_rss_mb",
    "failure",
)


def machine_lines(runs: Sequence[Runs]) -> list[str]:
    """Each machine and set of versions that records come from."""
    lines: dict[str, list[str]] = {}
    for run in runs:
        for record in run.records:
            versions = ", ".join(f"{k} {v}" for k, v in sorted(record.versions.items()))
            line = f"{record.cpu}, {record.n_cores} cores, {record.device}; {versions}"
            lines.setdefault(line, []).append(record.method)
    return [
        f"{len(methods)} run{'s' * (len(methods) > 1)} "
        f"({', '.join(sorted(set(methods)))}) on {line}"
        for line, methods in lines.items()
    ]


def to_markdown(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> str:
    """The table as Markdown, with the notes that make it readable on its own."""
    n_test = runs[0].records[0].n_test
    lines = [
        f"| method | {dataset} test error % | 95 % interval | published % | "
        "seeds | p | fit s | predict s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        name = f"`{row.method}` {_cell(row.summary)}"
        if row.failure is not None and not row.seeds:
            lines.append(f"| {name} | failed: {_cell(row.failure)} | | | | | | |")
            continue
        low, high = row.interval_pct
        spread = "" if len(row.seeds) < 2 else f" ± {row.deviation_pct:.2f}"
        lecture = "" if row.lecture is None else f"{row.lecture.error_pct:g}"
        p_value = "" if row.p_next is None else f"{row.p_next:.2g}"
        failed = (
            "" if row.failure is None else f" (a seed failed: {_cell(row.failure)})"
        )
        lines.append(
            f"| {name} | {row.error_pct:.2f}{spread}{failed} | "
            f"{low:.2f} to {high:.2f} | {lecture} | {len(row.seeds)} | {p_value} | "
            f"{row.fit_s:.0f} | {row.predict_s:.1f} |"
        )
    below = [*notes(rows, dataset, n_test), *machine_lines(runs)]
    return "\n".join(lines) + "\n\n" + "\n\n".join(below) + "\n"


def notes(rows: Sequence[Row], dataset: str, n_test: int) -> list[str]:
    """What makes the table readable on its own, a paragraph each."""
    return [
        f"Error: mean over seeds on all {n_test:,} test images, ± sample standard "
        "deviation; interval: Wilson's, of the mean. p: McNemar's exact test against "
        "the next row, first seed of each. Times: mean wall-clock seconds, "
        "images to model and test images to labels.",
        *(
            f"`{row.method}` beside {row.lecture.error_pct:g}: {row.lecture.condition} "
            f"({row.lecture.source})"
            + (f"; ours: {row.lecture.ours}." if row.lecture.ours else ".")
            for row in rows
            if row.lecture is not None
        ),
        *_others(dataset),
    ]


def to_csv(rows: Sequence[Row]) -> str:
    """The table as CSV, one line a method, errors in percent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        figures = (row.error_pct, row.deviation_pct, *row.interval_pct)
        costs = (row.fit_s, row.predict_s, row.n_parameters, row.peak_rss_mb)
        lecture = None if row.lecture is None else row.lecture.error_pct
        writer.writerow(
            [
                row.method,
                row.summary,
                *("" if math.isnan(f) else f"{f:.4f}" for f in figures),
                len(row.seeds),
                lecture,
                row.p_next,
                *("" if math.isnan(c) else f"{c:.2f}" for c in costs),
                row.failure,
            ]
        )
    return text.getvalue()


def _others(dataset: str) -> list[str]:
    """A note on what others reached without learned filters, where we know."""
    figures = [
        f"{other.error_pct:g} {other.condition} ({other.source})"
        for other in WITHOUT_LEARNED_FILTERS.get(dataset, ())
    ]
    note = "Published by others without filters learned by backpropagation: "
    return [note + "; ".join(figures) + "."] if figures else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def to_json(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> str:
    """Rows and machines as JSON; what is not known is null."""
    content = {
        "dataset": dataset,
        "n_test": runs[0].records[0].n_test,
        "rows": [dataclasses.asdict(row) for row in rows],
        "machines": machine_lines(runs),
    }
    return json.dumps(_without_nan(content), indent=1, ensure_ascii=False) + "\n"


def to_latex(rows: Sequence[Row], dataset: str) -> str:
    """A tabular for the booktabs package."""
    lines = [
        rf"% {dataset}: test error, mean over seeds; needs \usepackage{{booktabs}}",
        r"\begin{tabular}{llrrrrr}",
        r"\toprule",
        r"method & what it is & error \% & 95 \% interval & published \% & seeds & "
        r"fit s \\",
        r"\midrule",
    ]
    for row in rows:
        name = rf"\texttt{{{_tex(row.method)}}} & {_tex(row.summary)}"
        if not row.seeds:
            reason = _tex(row.failure or "")
            lines.append(rf"{name} & \multicolumn{{5}}{{l}}{{failed: {reason}}} \\")
            continue
        low, high = row.interval_pct
        spread = "" if len(row.seeds) < 2 else rf" $\pm$ {row.deviation_pct:.2f}"
        lecture = "" if row.lecture is None else f"{row.lecture.error_pct:g}"
        lines.append(
            rf"{name} & {row.error_pct:.2f}{spread} & {low:.2f}--{high:.2f} & "
            rf"{lecture} & {len(row.seeds)} & {row.fit_s:.0f} \\"
        )
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _tex(text: str) -> str:
    special = {c: rf"\{c}" for c in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}"}
    return "".join(special.get(c, c) for c in text)


def _without_nan(value: Any) -> Any:
    """NaN is not JSON: null stands for it."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
