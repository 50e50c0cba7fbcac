"""The comparison on paper: files, the README's table and pictures, the terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.atomic import write_named
from visbase.pipeline.storage.regular_file import open_regular
from visbase.reports.compare import Row, Runs, compare, read_runs
from visbase.reports.findings import Finding, find_findings, finding_files
from visbase.reports.tables import machine_lines, to_csv, to_json, to_latex, to_markdown

PICTURES = Path("docs") / "pictures"  # beside the README
# lines of the README between which the table and the findings' sentences stand
TABLE = "<!-- table begins -->", "<!-- table ends -->"
FINDINGS = "<!-- findings begin -->", "<!-- findings end -->"


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


def _is_table(path: Path, columns: Sequence[str]) -> bool:
    """Whether a finding's data is there, not a file of the user's by the same name."""
    try:
        with open_regular(path) as file:
            return file.readline().decode().rstrip().split(",") == list(columns)
    except (OSError, UnicodeDecodeError):
        return False


def readme_pictures(rows: Sequence[Row], runs: Sequence[Runs]) -> dict[str, str]:
    """The README's pictures by file name, as SVG on a white ground."""
    from visbase.reports.figures import cost_chart, error_chart

    families = {one.method: one.records[0].family for one in runs}
    return {
        "error.svg": error_chart(rows, families, "white"),
        "fit.svg": cost_chart(rows, families, "fit", "white"),
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


def make_report(
    dataset: Dataset, results: Path, folder: Path, readme: Path | None = None
) -> None:
    """Compare the records of a data set: print the table, write it and the page.

    results: the folder of records, with other measurements beside it; readme: a file
    whose table and findings, between markers, and pictures are renewed.
    """
    runs = read_runs(results, dataset.name)
    rows = compare(runs, dataset.name)
    findings = find_findings(results.parent, dataset)
    write_report(folder, rows, runs, dataset, findings)
    if readme is not None:
        write_into_readme(readme, rows, runs, dataset.name, findings)
    print_table(rows, runs, dataset.name)


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
    for name in (
        "error %",
        "95 % interval",
        "published %",
        "seeds",
        "fit s",
        "predict s",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in _cells(row)))
    console = Console(width=None if os.isatty(1) else 140)
    console.print(table)
    for line in machine_lines(runs):
        console.print(Text(line), style="dim")


def _cells(row: Row) -> list[str]:
    if not row.seeds:
        return [row.method, f"failed: {row.failure}", "", "", "", "", "", ""]
    spread = "" if len(row.seeds) < 2 else f" ± {row.deviation_pct:.2f}"
    low, high = row.interval_pct
    failed = "" if row.failure is None else f" (a seed failed: {row.failure})"
    return [
        row.method,
        row.summary + failed,
        f"{row.error_pct:.2f}{spread}",
        f"{low:.2f} to {high:.2f}",
        "" if row.lecture is None else f"{row.lecture.error_pct:g}",
        str(len(row.seeds)),
        f"{row.fit_s:.0f}",
        f"{row.predict_s:.1f}",
    ]


def _replace(path: Path, text: str) -> None:
    with write_named(path) as file:
        file.write(text.encode())
