"""The effect of each augmentation on a small training set, alone and left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import error_pct
from visbase.pipeline.experiments.measured.demonstrations import AugmentationErrors
from visbase.reports.charts import Chart
from visbase.reports.findings import Finding, machine, read_evidence
from visbase.reports.measures import Runs

ORDER = 83
NAME = "augmentation"
COLUMNS = AugmentationErrors.__struct_fields__
NONE, ALL = "none", "all five"  # as measured, see the rows
Errors = dict[str, NDArray[np.float64]]  # augmentation -> errors by seed in percent


def find(folder: Path, dataset: Dataset, _runs: Sequence[Runs]) -> Finding | None:
    """Read demonstrations/<dataset>/augmentation.csv in the reports' folder."""
    table = folder / "demonstrations" / dataset.name / "augmentation.csv"
    rows = read_evidence(table, AugmentationErrors)
    if not rows:
        return None
    errors = by_augmentation(rows)
    n_seeds, n_train = len({row.seed for row in rows}), rows[0].n_train
    return Finding(
        name=NAME,
        title=f"The effect of each augmentation on {n_train:,} training images",
        sentences=[*sentences(errors), machine(rows[0])],
        charts=[
            Chart(
                "bars",
                f"Validation error with each augmentation (mean over {n_seeds} seeds)",
                "validation error (%)",
                "augmentation",
                [{"method": name, "x": float(e.mean())} for name, e in errors.items()],
            )
        ],
        columns=COLUMNS,
        rows=rows,
        head=("augmentation", "validation error (%)", "compared with none (points)"),
        table=[
            (name, _spread(values), f"{(values - errors[NONE]).mean():+.2f}")
            for name, values in errors.items()
        ],
        section="lecture",
    )


def by_augmentation(rows: Sequence[AugmentationErrors]) -> Errors:
    """Return the errors in percent of each augmentation, in the order of the rows."""
    errors: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda row: row.seed):
        error = error_pct(row.n_errors, row.n_validation)
        errors.setdefault(row.augmentation, []).append(error)
    order = dict.fromkeys(row.augmentation for row in rows)
    return {name: np.array(errors[name]) for name in order}


def sentences(errors: Errors) -> list[str]:
    """Name the augmentations that help most and least, alone and when left out."""
    means = {name: float(values.mean()) for name, values in errors.items()}
    alone = {k: v for k, v in means.items() if not k.startswith("all") and k != NONE}
    left_out = {k: v for k, v in means.items() if k.startswith("all but")}
    best, worst = min(alone, key=alone.__getitem__), max(alone, key=alone.__getitem__)
    missed = max(left_out, key=left_out.__getitem__)
    return [
        f"Without augmentation, the validation error is {means[NONE]:.2f} %; with all "
        f"five, {means[ALL]:.2f} %.",
        f"Alone, {best} gives the lowest error ({alone[best]:.2f} %) and {worst} the "
        f"highest ({alone[worst]:.2f} %). Of the five, "
        f"{missed.removeprefix('all but ')} is missed most: {left_out[missed]:.2f} % "
        "without it.",
    ]


def _spread(values: NDArray[np.float64]) -> str:
    deviation = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{deviation}"
