"""Write the comparison: terminal, Markdown, CSV, JSON, LaTeX and the page.

The columns of every table come from `measures`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.storage import tables
from visbase.pipeline.storage.atomic import write_named
from visbase.pipeline.storage.reading import open_regular
from visbase.reports.compare import (
    compare,
    machine_lines,
    read_runs,
    require_images_of,
    to_markdown,
)
from visbase.reports.findings import Finding, find_findings, finding_files
from visbase.reports.measures import (
    LATEX,
    TERMINAL,
    Row,
    Runs,
    columns,
    find_measures,
    format_value,
)

BEFORE_FAILURE = "peak_rss_mb"  # CSV column; newer measures stand after "failure"


def make_report(
    dataset: Dataset, results: Path, folder: Path, readmes: Sequence[Path] = ()
) -> None:
    """Compare the records of a dataset: print the table, write it and the page.

    results: the folder of records, with other measurements beside it; readmes: Markdown
    files whose marked tables, findings and pictures are renewed, see `readme`.
    """
    runs = read_runs(results, dataset.name)
    require_images_of(dataset, runs)
    rows = compare(runs)
    findings = all_findings(results.parent, dataset, runs)
    write_report(folder, rows, runs, dataset, findings)
    if readmes:
        from visbase.reports.readme import renew_files

        renew_files(readmes, rows, runs, dataset.name, findings)
    print_table(rows, runs, dataset.name)


def all_findings(folder: Path, dataset: Dataset, runs: Sequence[Runs]) -> list[Finding]:
    """Return the findings from a folder, and those that set the runs against others'.

    folder: holds one folder per kind of measurement.
    """
    findings = find_findings(folder, dataset, runs)
    if dataset.name.startswith("cifar"):  # loaded for the datasets that have them only
        from visbase.reports.published import dropout, models

        against = dropout.find(runs, dataset.name), models.find(runs, dataset)
        findings += [finding for finding in against if finding is not None]
    return findings


def write_report(
    folder: Path,
    rows: Sequence[Row],
    runs: Sequence[Runs],
    dataset: Dataset,
    findings: Sequence[Finding] = (),
) -> None:
    """Write comparison.md, .csv, .json and .tex, and the page index.html.

    There is no page of images of several sizes, as those of ImageNet. Also writes the
    data of each finding as NAME.csv, and removes the data that an
    earlier report wrote for a finding that no longer exists.
    """
    from visbase.reports.page import render_page  # matplotlib is slow to import

    name = dataset.name
    title = f"# Comparison on {name}\n\n"
    files = {  # complete before the first file is written
        "comparison.md": title + to_markdown(rows, runs, name),
        "comparison.csv": to_csv(rows),
        "comparison.json": to_json(rows, runs, name),
        "comparison.tex": to_latex(rows, name),
        **{f"{finding.name}.csv": finding.csv for finding in findings},
    }
    if isinstance(dataset.test.images, np.ndarray):
        files["index.html"] = render_page(rows, runs, dataset, findings)
    else:
        print(f"no page: the images of {name} do not fit into one", file=sys.stderr)
    for file_name, text in files.items():
        with write_named(folder / file_name) as file:
            file.write(text.encode())
    for finding_file in finding_files():
        data = f"{finding_file.NAME}.csv"
        if data not in files and _is_table(folder / data, finding_file.COLUMNS):
            (folder / data).unlink()


def to_csv(rows: Sequence[Row]) -> str:
    """Return the table as CSV, one line per method; unknown values are empty."""
    measures = find_measures()
    names = [measure.name for measure in measures]
    split = names.index(BEFORE_FAILURE) + 1
    head = ("method", "summary", *names[:split], "failure", *names[split:])
    lines = [
        {m.name: format_value(row[m.name], m.exact) for m in measures}
        | {"method": row.method, "summary": row.summary, "failure": row.failure or ""}
        for row in rows
    ]
    return tables.to_csv(head, lines)


def to_json(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> str:
    """Return rows, measures and machines as JSON; unknown values are null."""
    facts = [dataclasses.asdict(row) for row in rows]
    content = {
        "dataset": dataset,
        "n_test": runs[0].records[0].n_test,
        "rows": [one | one.pop("values") for one in facts],
        "measures": {
            m.name: {"title": m.title, "better": m.better, "note": m.note}
            for m in find_measures()
        },
        "machines": machine_lines(runs),
    }
    return json.dumps(_without_nan(content), indent=1, ensure_ascii=False) + "\n"


def to_latex(rows: Sequence[Row], dataset: str) -> str:
    """Return the table as a LaTeX tabular for the booktabs package."""
    measures = columns(LATEX)
    titles = " & ".join(_tex(measure.title) for measure in measures)
    lines = [
        rf"% {dataset}: test error, mean over seeds; needs \usepackage{{booktabs}}",
        rf"\begin{{tabular}}{{ll{'r' * len(measures)}}}",
        r"\toprule",
        rf"method & description & {titles} \\",
        r"\midrule",
    ]
    for row in rows:
        name = rf"\texttt{{{_tex(row.method)}}} & {_tex(row.summary)}"
        if not row.seeds:
            reason = rf"\multicolumn{{{len(measures)}}}{{l}}{{failed: "
            lines.append(rf"{name} & {reason}{_tex(row.failure or '')}}} \\")
            continue
        cells = " & ".join(_tex(measure.text(row)) for measure in measures)
        cells = cells.replace("±", r"$\pm$").replace(" to ", "--")
        lines.append(rf"{name} & {cells} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def print_table(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> None:
    """Print the table, 140 columns wide if standard output is not a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"{dataset}: error on {runs[0].records[0].n_test:,} test images"
    )
    table.add_column("method", no_wrap=True)
    table.add_column("description")
    measures = columns(TERMINAL)
    for measure in measures:
        table.add_column(measure.title, justify="right", no_wrap=True)
    for row in rows:
        description = row.summary
        cells = [measure.text(row) for measure in measures]
        if not row.seeds:
            description, cells = f"failed: {row.failure}", [""] * len(measures)
        elif row.failure is not None:
            description += f" (a seed failed: {row.failure})"
        table.add_row(*map(Text, (row.method, description, *cells)))
    console = Console(width=None if os.isatty(1) else 140)
    console.print(table)
    for line in machine_lines(runs):
        console.print(Text(line), style="dim")


def _is_table(path: Path, columns: Sequence[str]) -> bool:
    """Whether a file holds a finding's data, and is not the user's own file."""
    try:
        with open_regular(path) as file:
            return file.readline().decode().rstrip().split(",") == list(columns)
    except (OSError, UnicodeDecodeError):
        return False


def _tex(text: str) -> str:
    special = {c: rf"\{c}" for c in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}"}
    return "".join(special.get(c, c) for c in text)


def _without_nan(value: Any) -> Any:
    """Replace NaN, which JSON lacks, by None."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
