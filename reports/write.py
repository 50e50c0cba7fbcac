"""The comparison on paper: terminal, files, the README's table and pictures.

Every table has its columns from `measures`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage import tables
from visbase.pipeline.storage.atomic import write_named
from visbase.pipeline.storage.reading import open_regular
from visbase.reports.compare import (
    compare,
    machine_lines,
    notes,
    read_runs,
    require_images_of,
)
from visbase.reports.findings import Finding, find_findings, finding_files
from visbase.reports.measures import (
    LATEX,
    MARKDOWN,
    TERMINAL,
    Row,
    Runs,
    columns,
    find_measures,
    written,
)

PICTURES = Path("docs") / "pictures"  # beside the README
# lines of the README between which the table and the findings' sentences stand
TABLE = "<!-- table begins -->", "<!-- table ends -->"
FINDINGS = "<!-- findings begin -->", "<!-- findings end -->"
BEFORE_FAILURE = "peak_rss_mb"  # in CSV; what came later stands behind both


def make_report(
    dataset: Dataset, results: Path, folder: Path, readme: Path | None = None
) -> None:
    """Compare the records of a data set: print the table, write it and the page.

    results: the folder of records, with other measurements beside it; readme: a file
    whose table and findings, between markers, and pictures are renewed.
    """
    runs = read_runs(results, dataset.name)
    require_images_of(dataset, runs)
    rows = compare(runs)
    findings = find_findings(results.parent, dataset)
    write_report(folder, rows, runs, dataset, findings)
    if readme is not None:
        write_into_readme(readme, rows, runs, dataset.name, findings)
    print_table(rows, runs, dataset.name)


def write_report(
    folder: Path,
    rows: Sequence[Row],
    runs: Sequence[Runs],
    dataset: Dataset,
    findings: Sequence[Finding] = (),
) -> None:
    """comparison.md, .csv, .json and .tex, and the page index.html in `folder`.

    Also the data of each finding, NAME.csv.
    """
    from visbase.reports.page import render_page  # matplotlib is slow to import

    name = dataset.name
    title = f"# Comparison on {name}\n\n"
    files = {  # all made before the first is written
        "comparison.md": title + to_markdown(rows, runs, name),
        "comparison.csv": to_csv(rows),
        "comparison.json": to_json(rows, runs, name),
        "comparison.tex": to_latex(rows, name),
        "index.html": render_page(rows, runs, dataset, findings),
        **{f"{one.name}.csv": one.csv for one in findings},
    }
    for file, text in files.items():
        _replace(folder / file, text)
    for one in finding_files():
        data = f"{one.NAME}.csv"
        if data not in files and _is_table(folder / data, one.COLUMNS):
            (folder / data).unlink()  # of an earlier report


def readme_pictures(rows: Sequence[Row], runs: Sequence[Runs]) -> dict[str, str]:
    """The README's pictures by file name, as SVG on a white ground."""
    from visbase.reports.figures import cost_chart, error_chart

    families = {one.method: one.family for one in runs}
    return {
        "error.svg": error_chart(rows, families, "white"),
        "fit.svg": cost_chart(rows, families, "fit_s", "white"),
    }


def write_into_readme(
    path: Path,
    rows: Sequence[Row],
    runs: Sequence[Runs],
    dataset: str,
    findings: Sequence[Finding] = (),
) -> None:
    """Renew what stands between the markers of a Markdown file, and its pictures."""
    try:
        with open_regular(path) as file:
            text = file.read().decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected UTF-8 text ({error.reason})") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
    told = "".join(f"- {line}\n" for one in findings for line in one.sentences)
    contents = {TABLE: to_markdown(rows, runs, dataset), FINDINGS: told}
    for (begin, end), content in contents.items():
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise BadInput(f"{path}: expected the lines {begin!r} and {end!r}")
        text = f"{before}{begin}\n{content}{end}{after}"
    for name, svg in readme_pictures(rows, runs).items():
        _replace(path.parent / PICTURES / name, svg)
    _replace(path, text)


def to_markdown(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> str:
    """The table as Markdown, with the notes that make it readable on its own."""
    measures = columns(MARKDOWN)
    titles = " | ".join(one.title for one in measures)
    lines = [
        f"| method | {dataset} test {titles} |",
        "| --- " * (len(measures) + 1) + "|",
    ]
    for row in rows:
        name = f"`{row.method}` {_cell(row.summary)}"
        failure = _cell(row.failure or "")
        if not row.seeds:
            lines.append(f"| {name} | failed: {failure} |" + " |" * (len(measures) - 1))
            continue
        cells = [_cell(one.text(row)) for one in measures]
        cells[0] += f" (a seed failed: {failure})" if failure else ""
        lines.append(f"| {name} | {' | '.join(cells)} |")
    below = [*notes(rows, dataset, runs[0].records[0].n_test), *machine_lines(runs)]
    return "\n".join(lines) + "\n\n" + "\n\n".join(below) + "\n"


def to_csv(rows: Sequence[Row]) -> str:
    """The table as CSV, one line per method, what is not known empty."""
    measures = find_measures()
    names = [one.name for one in measures]
    split = names.index(BEFORE_FAILURE) + 1
    head = ("method", "summary", *names[:split], "failure", *names[split:])
    lines = [
        {one.name: written(row[one.name], one.exact) for one in measures}
        | {"method": row.method, "summary": row.summary, "failure": row.failure or ""}
        for row in rows
    ]
    return tables.to_csv(head, lines)


def to_json(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> str:
    """Rows, what their measures are, and machines; what is not known is null."""
    facts = [dataclasses.asdict(row) for row in rows]
    content = {
        "dataset": dataset,
        "n_test": runs[0].records[0].n_test,
        "rows": [one | one.pop("values") for one in facts],
        "measures": {
            one.name: {"title": one.title, "better": one.better, "note": one.note}
            for one in find_measures()
        },
        "machines": machine_lines(runs),
    }
    return json.dumps(_without_nan(content), indent=1, ensure_ascii=False) + "\n"


def to_latex(rows: Sequence[Row], dataset: str) -> str:
    """A tabular for the booktabs package."""
    measures = columns(LATEX)
    titles = " & ".join(_tex(one.title) for one in measures)
    lines = [
        rf"% {dataset}: test error, mean over seeds; needs \usepackage{{booktabs}}",
        rf"\begin{{tabular}}{{ll{'r' * len(measures)}}}",
        r"\toprule",
        rf"method & what it is & {titles} \\",
        r"\midrule",
    ]
    for row in rows:
        name = rf"\texttt{{{_tex(row.method)}}} & {_tex(row.summary)}"
        if not row.seeds:
            reason = rf"\multicolumn{{{len(measures)}}}{{l}}{{failed: "
            lines.append(rf"{name} & {reason}{_tex(row.failure or '')}}} \\")
            continue
        cells = " & ".join(_tex(one.text(row)) for one in measures)
        cells = cells.replace("±", r"$\pm$").replace(" to ", "--")
        lines.append(rf"{name} & {cells} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def print_table(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> None:
    """The table on standard output, as wide as it needs where that is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"{dataset}: error on {runs[0].records[0].n_test:,} test images"
    )
    table.add_column("method", no_wrap=True)
    table.add_column("what it is")
    measures = columns(TERMINAL)
    for one in measures:
        table.add_column(one.title, justify="right", no_wrap=True)
    for row in rows:
        what, cells = row.summary, [one.text(row) for one in measures]
        if not row.seeds:
            what, cells = f"failed: {row.failure}", [""] * len(measures)
        elif row.failure is not None:
            what += f" (a seed failed: {row.failure})"
        table.add_row(*map(Text, (row.method, what, *cells)))
    console = Console(width=None if os.isatty(1) else 140)
    console.print(table)
    for line in machine_lines(runs):
        console.print(Text(line), style="dim")


def _is_table(path: Path, columns: Sequence[str]) -> bool:
    """Whether a finding's data is there, not a file of the user's by the same name."""
    try:
        with open_regular(path) as file:
            return file.readline().decode().rstrip().split(",") == list(columns)
    except (OSError, UnicodeDecodeError):
        return False


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


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


def _replace(path: Path, text: str) -> None:
    with write_named(path) as file:
        file.write(text.encode())
