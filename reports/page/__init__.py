"""Render the comparison as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from visbase.pipeline.datasets.splits import Dataset
from visbase.reports.charts import COSTS, Chart, cost_chart, error_chart, history_chart
from visbase.reports.compare import machine_lines, notes
from visbase.reports.findings import Finding
from visbase.reports.lecture import walk_through
from visbase.reports.measures import Measure, Row, Runs, columns, format_value
from visbase.reports.page.details import (
    WORST_ERROR,
    Detail,
    atlas,
    class_errors,
    class_scores,
    details_of,
    disagreement,
    exhibit,
    exhibits_of,
)
from visbase.reports.published import WITHOUT_LEARNED_FILTERS, published_models

FOLDER = Path(__file__).parent
SECTIONS = (
    ("table", "Comparison"),
    ("charts", "Error and cost"),
    ("worth", "When is a network worth it?"),
    ("networks", "Layer by layer"),
    ("writers", "By writer"),
    ("classes", "Errors by class"),
    ("agreement", "Agreement"),
    ("mistakes", "Misclassified images"),
    ("learned", "Learned features"),
    ("lecture", "The lecture's examples"),
    ("protocol", "Protocol"),
)


@dataclass(frozen=True)
class Cell:
    """text is shown, value sorts the column ("": unknown), title appears on hover."""

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
    """Return the HTML; rows in the order of `compare`, runs on the dataset's images."""
    classes = dataset.classes
    details = details_of(runs, [row.method for row in rows], len(classes))
    test = dataset.test
    shown = atlas(np.asarray(test.images), test.labels, details, classes)
    confusions = {
        detail.method: {seed: one.tolist() for seed, one in detail.confusions.items()}
        for detail in details
    }
    seeds = sorted({seed for detail in details for seed in detail.predictions})
    exhibits = [one for detail in details for one in exhibits_of(detail)]
    absent = {"learned"} if not exhibits else set()
    absent |= {"worth", "networks", "writers"} - {
        finding.section for finding in findings
    }
    measures = columns()
    return render(
        FOLDER,
        has_charts=True,
        dataset=dataset.name,
        answer=answer(rows, details),
        sections=[s for s in SECTIONS if s[0] not in absent],
        findings=findings,
        pictures={f.name: [exhibit(one) for one in f.pictures] for f in findings},
        seeds=seeds,
        columns=measures,
        rows=[_line(row, measures) for row in rows]
        + _published_lines(dataset, measures),
        notes=notes(rows, dataset.name, len(test)),
        charts=_charts(rows, runs, details),
        methods=[detail.method for detail in details],
        classes=classes,
        class_errors=class_errors(details),
        class_scores=class_scores([detail.confusion for detail in details]),
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


def render(folder: Path, has_charts: bool, **values: Any) -> str:
    """Render page.html.j2 of a folder, with its page.css and page.js.

    Every page shares this folder's other files: style, sorted table, heat tables, and
    charts with the library that draws them if it has any.
    """
    environment = Environment(
        loader=FileSystemLoader([folder, FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    library = sorted((FOLDER / "vendor").glob("*.js"))  # d3 before plot, which needs it
    own = [FOLDER / "plots.js", FOLDER / "charts.js"]
    charts = [*library, *own] if has_charts else []
    css, js = (
        Markup("\n".join(path.read_text(encoding="utf-8") for path in paths))
        for paths in (
            (FOLDER / "style.css", folder / "page.css"),
            (FOLDER / "table.js", *charts, folder / "page.js"),
        )
    )
    if has_charts:
        licence = (FOLDER / "vendor" / "LICENCE.txt").read_text(encoding="utf-8")
        js = Markup(f"/*\n{licence}*/\n") + js
    return environment.get_template("page.html.j2").render(css=css, js=js, **values)


def answer(rows: Sequence[Row], details: Sequence[Detail]) -> str:
    """Compare the best classical method and the best network in one sentence.

    Both have seen the training images alone: pretrained networks do not count.
    """
    families = {detail.method: detail.record.family for detail in details}
    rows = [row for row in rows if not row.trained_on]
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
        return "Run at least one classical method and one network to compare them."
    return (
        f"The best classical method, {classical.method}, misclassifies "
        f"{classical['error_pct']:.2f} % of the test images; the best network, "
        f"{network.method}, {network['error_pct']:.2f} %."
    )


def _line(row: Row, measures: Sequence[Measure]) -> Line:
    """Make a method's line; if all its runs failed, it shows the reason instead."""
    name = Cell(row.method, row.method)
    if not row.seeds:
        reason = Cell(f"failed: {row.failure}", span=len(measures))
        return Line("failed", row.summary, [name, reason])
    cells = [
        Cell(
            measure.text(row),
            format_value(row[measure.name], ""),
            title=measure.remark(row) if measure.remark else "",
        )
        for measure in measures
    ]
    if row.failure is not None:
        cells[0] = replace(cells[0], note=f"a seed failed: {row.failure}")
    return Line("ours", row.summary, [name, *cells])


def _published_lines(dataset: Dataset, measures: Sequence[Measure]) -> list[Line]:
    """Make a line per published method that learns no filters by backpropagation.

    Published models whose answers are known follow, whatever they learn.
    """
    lines = [
        _published_line(other.condition, f"{other.error_pct:g}", other.source, measures)
        for other in WITHOUT_LEARNED_FILTERS.get(dataset.name, ())
    ]
    for model, error in published_models(dataset.name, dataset.test.labels):
        summary = f"{model.model}, {model.summary}"
        source = "counted (Recht et al. 2018)"
        lines.append(_published_line(summary, f"{error:.2f}", source, measures))
    return lines


def _published_line(
    summary: str, error_pct: str, source: str, measures: Sequence[Measure]
) -> Line:
    known = {
        "error_pct": Cell(error_pct, error_pct, title=source),
        "lecture_pct": Cell(error_pct, error_pct, title=source, note=source),
    }
    cells = [known.get(measure.name, Cell("")) for measure in measures]
    return Line(
        "published", summary, [Cell("published", f"published {summary}"), *cells]
    )


def _charts(
    rows: Sequence[Row], runs: Sequence[Runs], details: Sequence[Detail]
) -> list[Chart]:
    """Show errors, costs and training histories; nothing if all runs failed."""
    if not details:
        return []
    families = {method_runs.method: method_runs.family for method_runs in runs}
    by_method = {method_runs.method: method_runs for method_runs in runs}
    history = history_chart(by_method[detail.method] for detail in details)
    return [
        error_chart(rows, families),
        *(cost_chart(rows, families, cost) for cost in COSTS),
        *([history] if history else []),
    ]


def _agreement_text(shown: dict[str, Any], details: Sequence[Detail]) -> str:
    if len(details) < 2:
        return ""
    text = ""
    if len(shown["methods"]) > 1:
        text = (
            f"All {len(shown['methods'])} methods misclassify the same "
            f"{shown['n_oracle']} test images, so even choosing the right method for "
            "each image could not avoid these errors."
        )
    first, second = details[-2:]
    n_apart = int(np.count_nonzero(first.prediction != second.prediction))
    return (
        f"{text} The two best methods, {first.method} and {second.method}, disagree on "
        f"{n_apart} test images."
    ).strip()


def _atlas_text(shown: dict[str, Any]) -> str:
    n, n_wrong = len(shown["images"]), shown["n_wrong"]
    text = (
        f"These {n:,} test images are misclassified by at least one "
        f"of {len(shown['methods'])} methods with any of its seeds. Select one to see "
        "what every method predicts. A method that did not run with the chosen seed "
        "shows its first."
    )
    if n < n_wrong:
        text += (
            f" In all, {n_wrong:,} are; the others, which fewer methods misclassify, "
            "are not shown."
        )
    if shown["left_out"]:
        text += (
            " Methods that misclassify more than "
            f"{100 * WORST_ERROR:.0f} % of the images are left out: "
            f"{', '.join(shown['left_out'])}."
        )
    return text


def _commits(runs: Sequence[Runs]) -> list[str]:
    """List the commits of the code that ran, with their methods, oldest run first."""
    records = [record for method_runs in runs for record in method_runs.records]
    methods: dict[str, set[str]] = {}
    for record in sorted(records, key=lambda record: record.started):
        methods.setdefault((record.commit or "unknown")[:10], set()).add(record.method)
    return [f"{commit} ({', '.join(sorted(m))})" for commit, m in methods.items()]
