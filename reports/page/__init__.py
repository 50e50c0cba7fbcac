"""The page: one HTML file with everything in it, made from the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import agreement
from visbase.reports.atlas import WORST_ERROR, atlas, data_uri
from visbase.reports.compare import Row, Runs
from visbase.reports.details import Detail, details_of
from visbase.reports.figures import COSTS, cost_chart, curve_chart, error_chart, montage
from visbase.reports.findings import Finding
from visbase.reports.lecture import walk_through
from visbase.reports.page.table import COLUMNS, published_lines, table_line
from visbase.reports.tables import machine_lines, notes

FOLDER = Path(__file__).parent
KERNEL_PX, WORD_PX = 8, 3  # screen pixels for one pixel of a kernel, of a word
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
class Exhibit:
    """A picture of what a method learned; width and height on the screen."""

    title: str
    uri: str
    width: int
    height: int


def render_page(
    rows: Sequence[Row],
    runs: Sequence[Runs],
    dataset: Dataset,
    findings: Sequence[Finding] = (),
) -> str:
    """The HTML text; rows as `compare` orders them, images of the test split.

    Raises BadInput where the records are of other test images than the data set has.
    """
    classes = dataset.classes
    for one in runs:
        for i in one.good:
            if not np.array_equal(one.predictions[i][0], dataset.test.labels):
                raise BadInput(
                    f"{dataset.name}: its test labels are not those that "
                    f"{one.method}, seed {one.records[i].seed}, was scored on; run the "
                    "method again"
                )
    details = details_of(runs, [row.method for row in rows], len(classes))
    test = dataset.test
    shown = atlas(np.asarray(test.images), test.labels, details, classes)
    n_seeds = {one.method: len(one.good) for one in runs}
    confusions = {
        one.method: (one.confusion / n_seeds[one.method]).round(1).tolist()
        for one in details
    }
    exhibits = [picture for one in details for picture in _exhibits(one)]
    absent = {"learned"} if not exhibits else set()
    absent |= {"worth"} if not findings else set()
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
        columns=COLUMNS,
        rows=[table_line(row, details) for row in rows] + published_lines(dataset.name),
        notes=notes(rows, dataset.name, len(test)),
        charts=_charts(rows, runs, details),
        methods=[one.method for one in details],
        classes=classes,
        class_errors=_class_errors(details),
        agreement_text=_agreement_text(shown, details),
        disagreement=_disagreement(details),
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
            key=lambda row: row.error_pct,
            default=None,
        )
        for family in ("classical", "network")
    }
    classical, network = best["classical"], best["network"]
    if classical is None or network is None:
        return "Classical methods and networks have not both been run yet."
    return (
        f"The best classical method, {classical.method}, gets "
        f"{classical.error_pct:.2f} % of the test images wrong; the best network, "
        f"{network.method}, {network.error_pct:.2f} %."
    )


def _charts(
    rows: Sequence[Row], runs: Sequence[Runs], details: Sequence[Detail]
) -> list[tuple[str, str, Markup]]:
    """Title, description and drawing of each chart."""
    if not details:
        return []
    families = {one.method: one.records[0].family for one in runs}
    order = "; ".join(f"{r.method} {r.error_pct:.2f} %" for r in rows if r.seeds)
    found = [
        (
            "Test error of every method",
            f"Test errors: {order}.",
            error_chart(rows, families, "none"),
        )
    ]
    for cost, (label, _) in COSTS.items():
        title = f"Test error against {label}"
        text = f"{title}; the figures are in the comparison table."
        found.append((title, text, cost_chart(rows, families, cost, "none")))
    if any(one.record.curves for one in details):
        title = "Learning curves of the networks (first seed, first net)"
        found.append((title, title, curve_chart(details, "none")))
    return [(title, text, Markup(svg)) for title, text, svg in found]


def _heat(values: NDArray[np.float64], most: float) -> list[list[tuple[float, float]]]:
    """Each value with its strength of colour from 0 to 1."""
    strength = np.clip(np.nan_to_num(values) / max(most, 1e-9), 0, 1)
    return [
        list(zip(row.tolist(), strong.tolist(), strict=True))
        for row, strong in zip(values, strength, strict=True)
    ]


def _class_errors(details: Sequence[Detail]) -> list[list[tuple[float, float]]]:
    if not details:
        return []
    errors = np.stack([one.class_error_pct for one in details])
    # a row is coloured against its own largest: which class is hard for this method?
    return [_heat(row[None], np.nanmax(row))[0] for row in errors]


def _disagreement(details: Sequence[Detail]) -> list[list[tuple[float, float]]]:
    if not details:
        return []
    apart = 100 * (1 - agreement([one.prediction for one in details]))
    return _heat(apart, 10.0)


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


def _exhibits(one: Detail) -> list[Exhibit]:
    found = []
    for name, tiles in one.exhibits.items():
        if name == "kernels":
            title = f"{one.method}: kernels of the first layer, red + and blue -"
            found.append(_picture(title, _red_and_blue(tiles), KERNEL_PX))
        else:
            size = tiles.shape[1]
            title = (
                f"{one.method}: mean patch of {size} x {size} pixels of its "
                f"{len(tiles)} most frequent visual words"
            )
            found.append(_picture(title, montage(tiles, 20), WORD_PX))
    return found


def _picture(title: str, image: NDArray[np.uint8], zoom: int) -> Exhibit:
    height, width = image.shape[:2]
    zoom = max(1, min(zoom, 900 // width))
    return Exhibit(title, data_uri(image), width * zoom, height * zoom)


def _red_and_blue(kernels: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Kernels (n, h, w) side by side, white at zero, (H, W, 3)."""
    strength = kernels.astype(np.float32) / (float(np.abs(kernels).max()) or 1.0)
    fade = np.rint(255 * (1 - np.abs(strength))).astype(np.uint8)
    full = np.full_like(fade, 255)
    channels = (
        np.where(strength > 0, full, fade),
        fade,
        np.where(strength < 0, full, fade),
    )
    columns = 16 if kernels.shape[1] < 16 else 8
    return np.stack([montage(channel, columns) for channel in channels], axis=2)


def _commits(runs: Sequence[Runs]) -> list[str]:
    """Commits of the code that ran, each with the methods, oldest run first."""
    found: dict[str, set[str]] = {}
    records = sorted((r for one in runs for r in one.records), key=lambda r: r.started)
    for record in records:
        found.setdefault((record.commit or "unknown")[:10], set()).add(record.method)
    return [f"{commit} ({', '.join(sorted(names))})" for commit, names in found.items()]
