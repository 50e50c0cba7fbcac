"""The comparison as Markdown: the whole table with notes, or a few rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

from visbase.reports.compare import machine_lines, notes
from visbase.reports.measures import MARKDOWN, Measure, Row, Runs, columns

SHORT_COLUMNS = ("error_pct", "low_pct", "lecture_pct", "fit_s")


def to_markdown(rows: Sequence[Row], runs: Sequence[Runs], dataset: str) -> str:
    """Return the table with the notes that explain it and the machines."""
    below = [*notes(rows, dataset, runs[0].records[0].n_test), *machine_lines(runs)]
    return _table(rows, columns(MARKDOWN), dataset) + "\n" + "\n\n".join(below) + "\n"


def short_table(rows: Sequence[Row], dataset: str) -> str:
    """Return the table with the most important columns, without notes."""
    measures = [one for one in columns(MARKDOWN) if one.name in SHORT_COLUMNS]
    return _table(rows, measures, dataset)


def _table(rows: Sequence[Row], measures: Sequence[Measure], dataset: str) -> str:
    titles = " | ".join(measure.title for measure in measures)
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
        cells = [_cell(measure.text(row)) for measure in measures]
        cells[0] += f" (a seed failed: {failure})" if failure else ""
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Escape what would end a cell or begin an HTML comment."""
    return text.replace("|", "\\|").replace("<", "&lt;")
