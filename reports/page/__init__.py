"""The page: one HTML file with everything in it, made from the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from visbase.pipeline.datasets.splits import Dataset
from visbase.reports.compare import machine_lines, notes
from visbase.reports.figures import COSTS, cost_chart, error_chart, history_chart
from visbase.reports.findings import Finding
from visbase.reports.lecture import walk_through
from visbase.reports.measures import Measure, Row, Runs, columns, written
from visbase.reports.page.details import (
    WORST_ERROR,
    Detail,
    atlas,
    class_errors,
    class_scores,
    details_of,
    disagreement,
    exhibits_of,
)
from visbase.reports.published import WITHOUT_LEARNED_FILTERS

FOLDER = Path(__file__).parent
SECTIONS = (
    ("table", "Comparison"),
    ("charts", "Error and its price"),
    ("worth", "When is a network worth it?"),
    ("classes", "Classes"),
    ("agreement", "Agreement"),
    ("mistakes", "Atlas of mistakes"),
    ("learned", "What was learned"),
    ("lecture", "The lecture"),
    ("protocol", "Protocol"),
)


@dataclass(frozen=True)
class Cell:
    """text is shown, value sorts (empty: not known), title appears on hover."""

    text: str
    value: str = ""
    title: str = ""
    note: str = ""
    span: int = 0


@dataclass(frozen=True)
class Line:
    """One row of the table; kind: "ours", "failed" or "published"."""

    kind: str
    summary: str
    cells: Sequence[Cell]


def render_page(
    rows: Sequence[Row],
    runs: Sequence[Runs],
    dataset: Dataset,
    findings: Sequence[Finding] = (),
) -> str:
    """The HTML text; rows as `compare` orders them, runs of the data set's images."""
    classes = dataset.classes
    details = details_of(runs, [row.method for row in rows], len(classes))
    test = dataset.test
    shown = atlas(np.asarray(test.images), test.labels, details, classes)
    n_seeds = {one.method: len(one.good) for one in runs}
    confusions = {
        one.method: (one.confusion / n_seeds[one.method]).round(1).tolist()
        for one in details
    }
    exhibits = [picture for one in details for picture in exhibits_of(one)]
    absent = {"learned"} if not exhibits else set()
    absent |= {"worth"} if not findings else set()
    measures = columns()
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined
    )
    template = environment.get_template("page.html.j2")
    return template.render(
        css=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
        js=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
        dataset=dataset.name,
        answer=answer(rows, details),
        sections=[s for s in SECTIONS if s[0] not in absent],
        findings=[(one, Markup(one.svg)) for one in findings],
        columns=measures,
        rows=[_line(row, measures) for row in rows]
        + _published_lines(dataset.name, measures),
        notes=notes(rows, dataset.name, len(test)),
        charts=_charts(rows, runs, details),
        methods=[one.method for one in details],
        classes=classes,
        class_errors=class_errors(details),
        class_scores=class_scores(details),
        agreement_text=_agreement_text(shown, details),
        disagreement=disagreement(details),
        atlas_text=_atlas_text(shown),
        atlas_methods=shown["methods"],
        exhibits=exhibits,
        steps=walk_through(),
        n_test=len(test),
        machines=machine_lines(runs),
        commits=_commits(runs),
        data={"classes": classes, "confusions": confusions, "atlas": shown},
    )


def answer(rows: Sequence[Row], details: Sequence[Detail]) -> str:
    """One sentence from the numbers: the best classical method and the best network."""
    families = {one.method: one.record.family for one in details}
    best = {
        family: min(
            (r for r in rows if families.get(r.method) == family),
            key=lambda row: row["error_pct"],
            default=None,
        )
        for family in ("classical", "network")
    }
    classical, network = best["classical"], best["network"]
    if classical is None or network is None:
        return "Classical methods and networks have not both been run yet."
    return (
        f"The best classical method, {classical.method}, gets "
        f"{classical['error_pct']:.2f} % of the test images wrong; the best network, "
        f"{network.method}, {network['error_pct']:.2f} %."
    )


def _line(row: Row, measures: Sequence[Measure]) -> Line:
    """A method's line; one that never worked shows its reason instead of figures."""
    name = Cell(row.method, row.method)
    if not row.seeds:
        reason = Cell(f"failed: {row.failure}", span=len(measures))
        return Line("failed", row.summary, [name, reason])
    cells = [
        Cell(
            one.text(row),
            written(row[one.name], ""),
            title=one.remark(row) if one.remark else "",
        )
        for one in measures
    ]
    if row.failure is not None:
        cells[0] = replace(cells[0], note=f"a seed failed: {row.failure}")
    return Line("ours", row.summary, [name, *cells])


def _published_lines(dataset: str, measures: Sequence[Measure]) -> list[Line]:
    """Figures of others that learn no filters by backpropagation."""
    lines = []
    for other in WITHOUT_LEARNED_FILTERS.get(dataset, ()):
        shown, value = f"{other.error_pct:g}", f"{other.error_pct}"
        known = {
            "error_pct": Cell(shown, value, title=other.source),
            "lecture_pct": Cell(shown, value, title=other.source, note=other.source),
        }
        name = Cell("published", f"published {other.condition}")
        cells = [known.get(one.name, Cell("")) for one in measures]
        lines.append(Line("published", other.condition, [name, *cells]))
    return lines


def _charts(
    rows: Sequence[Row], runs: Sequence[Runs], details: Sequence[Detail]
) -> list[tuple[str, str, Markup]]:
    """Title, description and drawing of each chart."""
    if not details:
        return []
    families = {one.method: one.family for one in runs}
    order = "; ".join(f"{r.method} {r['error_pct']:.2f} %" for r in rows if r.seeds)
    found = [
        (
            "Test error of every method",
            f"Test errors: {order}.",
            error_chart(rows, families, "none"),
        )
    ]
    for cost, label in COSTS.items():
        title = f"Test error against {label}"
        text = f"{title}; the figures are in the comparison table."
        found.append((title, text, cost_chart(rows, families, cost, "none")))
    records = [one.record for one in details]
    if any(one.histories for one in records):
        title = "Training history of the networks (first seed, first net)"
        found.append((title, title, history_chart(records, "none")))
    return [(title, text, Markup(svg)) for title, text, svg in found]


def _agreement_text(shown: dict[str, Any], details: Sequence[Detail]) -> str:
    text = (
        f"{shown['n_oracle']} test images are wrong with all of "
        f"{len(shown['methods'])} methods: no choice among them could get these right."
    )
    best = [one.method for one in details][-2:]
    if len(best) < 2:
        return text
    (first, second) = (one.prediction for one in details[-2:])
    n_apart = int(np.count_nonzero(first != second))
    return f"{text} The two best, {best[0]} and {best[1]}, disagree on {n_apart}."


def _atlas_text(shown: dict[str, Any]) -> str:
    text = (
        f"{len(shown['images'])} test images that at least one of "
        f"{len(shown['methods'])} methods got wrong (first seed of each). Press one to "
        "see what every method says."
    )
    if shown["left_out"]:
        text += (
            f" Left out, since wrong on more than {WORST_ERROR:.0%} of the images: "
            f"{', '.join(shown['left_out'])}."
        )
    return text


def _commits(runs: Sequence[Runs]) -> list[str]:
    """Commits of the code that ran, each with the methods, oldest run first."""
    found: dict[str, set[str]] = {}
    records = sorted((r for one in runs for r in one.records), key=lambda r: r.started)
    for record in records:
        found.setdefault((record.commit or "unknown")[:10], set()).add(record.method)
    return [f"{commit} ({', '.join(sorted(names))})" for commit, names in found.items()]
