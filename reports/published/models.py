"""Published models whose answers are known, against each of our methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import (
    agreement,
    error_pct,
    independent_agreement,
    mcnemar_exact,
    n_errors,
)
from visbase.pipeline.storage import tables
from visbase.reports.findings import Finding
from visbase.reports.measures import Runs
from visbase.reports.published import PublishedModel, published_models

NAME = "published_models"
SURE = 0.05  # a smaller p value counts as a difference


class ModelComparison(tables.Row, frozen=True, kw_only=True):
    """The first seed of a method against a published model."""

    KEY = ("method", "model")
    method: str
    family: str
    model: str
    n_test: int
    n_errors: int
    model_errors: int
    p: float  # McNemar's exact test
    agreement_pct: float  # of the test images
    independent_pct: float  # on which two independent models would agree


def find(runs: Sequence[Runs], dataset: Dataset) -> Finding | None:
    """Compare every method with every model; None if no model's answers are known."""
    truth = dataset.test.labels
    models = published_models(dataset.name, truth)
    methods = sorted((one for one in runs if one.good), key=_errors, reverse=True)
    if not models or not methods:
        return None
    n_classes = len(dataset.classes)
    rows = [
        _compared(one, model, truth, n_classes)
        for one in methods
        for model, _ in models
    ]
    table: dict[str, list[str]] = {}
    for row in rows:
        table.setdefault(row.method, []).append(_cell(row))
    return Finding(
        name=NAME,
        title="Our methods against published models",
        sentences=sentences(rows),
        charts=[],
        columns=ModelComparison.__struct_fields__,
        rows=rows,
        head=(
            "agreement in % (if independent), p",
            *(f"{model.model}, {error:.2f} %" for model, error in models),
        ),
        table=[
            (f"{one.method}, {_error(one):.2f} %", *table[one.method])
            for one in methods
        ],
        section="agreement",
    )


def sentences(rows: Sequence[ModelComparison]) -> list[str]:
    """Place the best method of each family among the models, from the CSV's rows."""
    lines = [
        "Agreement is the share of test images that a method and a model label alike. "
        "In brackets, the share that two independent models with these errors would: "
        "both are right, or both give the same wrong label by chance. The excess comes "
        "from images that are easy, or hard, for both. p is from McNemar's exact test "
        "(first seed)."
    ]
    for family, words in (("classical", "classical method"), ("network", "network")):
        ours = [row for row in rows if row.family == family]
        if not ours:
            continue
        least = min(row.n_errors for row in ours)
        name = next(row.method for row in ours if row.n_errors == least)
        lines.append(_placed(words, [row for row in ours if row.method == name]))
    return lines


def _placed(family: str, rows: Sequence[ModelComparison]) -> str:
    better = [r.model for r in rows if r.p < SURE and r.n_errors < r.model_errors]
    worse = [r.model for r in rows if r.p < SURE and r.n_errors > r.model_errors]
    level = [f"{r.model} (p = {r.p:.2g})" for r in rows if r.p >= SURE]
    parts = [
        f"{words} {', '.join(models)}"
        for words, models in (
            ("makes fewer errors than", better),
            ("does not differ significantly from", level),
            ("makes more errors than", worse),
        )
        if models
    ]
    nearest = max(rows, key=lambda row: row.agreement_pct - row.independent_pct)
    return (
        f"The best {family}, {rows[0].method}, {'; it '.join(parts)}. Its agreement "
        f"exceeds that of independent models most with {nearest.model}: "
        f"{nearest.agreement_pct:.1f} % instead of {nearest.independent_pct:.1f} %."
    )


def _compared(
    runs: Runs, model: PublishedModel, truth: NDArray[np.int64], n_classes: int
) -> ModelComparison:
    ours, theirs, n = runs.answers[1], model.labels, len(truth)
    wrong = [n_errors(truth, labels) for labels in (ours, theirs)]
    return ModelComparison(
        method=runs.method,
        family=runs.family,
        model=model.model,
        n_test=n,
        n_errors=wrong[0],
        model_errors=wrong[1],
        p=mcnemar_exact(truth, ours, theirs),
        agreement_pct=100 * float(agreement([ours, theirs])[0, 1]),
        independent_pct=100
        * independent_agreement(wrong[0] / n, wrong[1] / n, n_classes),
    )


def _errors(runs: Runs) -> int:
    return n_errors(*runs.answers)


def _error(runs: Runs) -> float:
    return error_pct(_errors(runs), runs.answers.shape[1])


def _cell(row: ModelComparison) -> str:
    p = "p < 0.001" if row.p < 0.001 else f"p = {row.p:.2g}"
    return f"{row.agreement_pct:.1f} ({row.independent_pct:.1f}), {p}"
