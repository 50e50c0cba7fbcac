"""Render a comparison on a folder of photographs as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import printable
from visbase.pipeline.evaluation import confusion_matrix
from visbase.reports.comparison import curve
from visbase.reports.comparison.contestants import Contestant
from visbase.reports.comparison.photographs import (
    Photographs,
    evidence_maps,
    gather,
    with_a_chance,
)
from visbase.reports.comparison.suspicion import Suspicion
from visbase.reports.comparison.table import NOTES, TableRow
from visbase.reports.comparison.thumbnails import thumbnails
from visbase.reports.page import render
from visbase.reports.page.details import class_scores

FOLDER = Path(__file__).parent
PICTURE_CHARS = 10_000_000  # of all thumbnails
MISTAKE_CHARS = 7_000_000  # of those that are misclassified or suspicious
SUSPICIOUS = {  # kind -> heading and explanation
    "mislabelled": (
        "Possibly mislabelled",
        "Every method confidently agrees on another label.",
    ),
    "duplicates": (
        "Near-duplicates",
        "Copies with different labels, or in both training and test images.",
    ),
    "blank": ("Blank", "There is nothing to learn or to judge from."),
}


def render_page(
    root: Path,
    contestants: Sequence[Contestant],
    classes: Sequence[str],
    table: Sequence[TableRow],
    statements: Sequence[str],
    suspicious: Sequence[Suspicion],
    found: Sequence[str],
) -> str:
    """Return the HTML, of at most about 15 MB.

    root: the folder that the names of photographs start from; classes: in label order;
    statements: sentences about the methods; found: lines about the folder, the first of
    which sums it up.
    """
    photographs = gather(contestants)
    able = with_a_chance(contestants)
    names, truth = list(photographs.names), list(photographs.truth)
    place = {name: i for i, name in enumerate(names)}
    for name in (name for one in suspicious for name in one.names):
        if name not in place:  # it was never tested
            place[name] = len(names)
            names.append(name)
            truth.append(-1)
    pictures = _pictures(root, names, photographs, suspicious, place)
    curves = {one.method: curve.learning_curve(one) for one in able}
    curves = {method: points for method, points in curves.items() if points}
    families = {one.method: one.answers[0].record.family for one in able}
    shown_classes = [printable(name) for name in classes]
    return render(
        FOLDER,
        has_charts=bool(curves),
        name=printable(root.resolve().name),
        statements=statements,
        found=found,
        sections=_sections(suspicious, curves),
        columns=NOTES,
        groups=_groups(table),
        suspicious=[
            (*SUSPICIOUS[kind], [(one, [place[n] for n in one.names]) for one in ones])
            for kind in SUSPICIOUS
            if (ones := [one for one in suspicious if one.kind == kind])
        ],
        shown_names=[printable(name) for name in names],
        curve=curve.chart(curves, families) if curves else None,
        curve_methods=list(curves),
        curve_rows=curve.table(curves),
        methods=photographs.methods,
        classes=shown_classes,
        class_scores=class_scores([_confusion(one, len(classes)) for one in able]),
        n_splits=photographs.n_splits,
        n_tested=len(photographs.names),
        n_misclassified=sum(photographs.misclassified),
        machines=_machines(contestants),
        data={
            "classes": shown_classes,
            "methods": photographs.methods,
            "photographs": [
                [printable(name), label, picture]
                for name, label, picture in zip(names, truth, pictures, strict=True)
            ],
            "tests": [
                [test.photograph, test.split, *test.answers]
                for test in photographs.tests
            ],
            "evidence": evidence_maps(photographs),
        },
    )


def _sections(
    suspicious: Sequence[Suspicion], curves: dict[str, Any]
) -> list[tuple[str, str]]:
    sections = [
        ("table", "Comparison"),
        ("suspicious", "Suspicious files") if suspicious else None,
        ("curves", "Would more photographs help?") if curves else None,
        ("classes", "Results by class"),
        ("confusion", "Confusion"),
        ("mistakes", "Misclassified photographs"),
    ]
    return [section for section in sections if section]


def _groups(table: Sequence[TableRow]) -> list[tuple[str, list[TableRow]]]:
    """Group the rows by what else they were trained on, own training first."""
    groups: dict[str, list[TableRow]] = {"": []}
    for row in table:
        groups.setdefault(row.trained_on, []).append(row)
    return [(trained_on, rows) for trained_on, rows in groups.items() if rows]


def _pictures(
    root: Path,
    names: Sequence[str],
    photographs: Photographs,
    suspicious: Sequence[Suspicion],
    place: dict[str, int],
) -> list[str | None]:
    """Encode what is misclassified or suspicious in the larger size, then the rest."""
    first = {place[name] for one in suspicious for name in one.names}
    first |= set(np.flatnonzero(photographs.misclassified).tolist())
    pictures: dict[int, str | None] = {}
    for rows, most in (
        (sorted(first), MISTAKE_CHARS),
        (sorted(set(range(len(names))) - first), PICTURE_CHARS - MISTAKE_CHARS),
    ):
        uris = thumbnails(root, [names[row] for row in rows], most)
        pictures |= dict(zip(rows, uris, strict=True))
    return [pictures[row] for row in range(len(names))]


def _confusion(contestant: Contestant, n_classes: int) -> NDArray[np.int64]:
    """Sum the confusion matrices (C, C) of all splits."""
    counts = [
        confusion_matrix(one.truth, one.prediction, n_classes)
        for one in contestant.answers
    ]
    return np.sum(counts, axis=0)


def _machines(contestants: Sequence[Contestant]) -> list[str]:
    """Name the processors that the times were measured on."""
    records = [one.record for c in contestants for one in c.answers]
    return sorted({f"{record.cpu}, {record.n_cores} cores" for record in records})
