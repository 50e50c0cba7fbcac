"""What the page shows of a method beyond its row: confusion, calibration, exhibits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import (
    class_error_rates,
    cohens_kappa,
    confusion_matrix,
    expected_calibration_error,
    half_error_rates,
    probabilities_of,
)
from visbase.pipeline.experiments.records import Record
from visbase.reports.compare import Runs


@dataclass(frozen=True)
class Detail:
    """One method that worked; percentages are means over its seeds.

    confusion (C, C): counts summed over seeds; kappa: of truth and prediction;
    calibration_pct: expected calibration error, None where the scores are no
    probabilities; prediction (n,), probabilities (n, C), exhibits: of the first seed.
    """

    record: Record
    confusion: NDArray[np.int64]
    class_error_pct: NDArray[np.float64]
    half_error_pct: tuple[float, float]
    kappa: float
    calibration_pct: float | None
    prediction: NDArray[np.integer]
    probabilities: NDArray[np.float64] | None
    exhibits: dict[str, NDArray[Any]]

    @property
    def method(self) -> str:
        return self.record.method


def detail(runs: Runs, n_classes: int) -> Detail | None:
    """Measures of one method over its seeds; None where none of them worked."""
    if not runs.good:
        return None
    truth, halves, calibrations = runs.predictions[runs.good[0]][0], [], []
    confusion = np.zeros((n_classes, n_classes), np.int64)
    for i in runs.good:
        prediction = runs.predictions[i][1]
        if not 0 <= prediction.min() <= prediction.max() < n_classes:
            record = runs.records[i]
            raise BadInput(
                f"{record.dataset}/{record.method}/seed{record.seed}.npy: a prediction "
                f"outside 0 to {n_classes - 1}; run it again"
            )
        confusion += confusion_matrix(truth, prediction, n_classes)
        halves.append(half_error_rates(truth, prediction))
        found = _probabilities(runs.extras[i])
        if found is not None:
            calibrations.append(expected_calibration_error(truth, found))
    first = runs.good[0]
    exhibits = {k: v for k, v in runs.extras[first].items() if k != "scores"}
    early, late = (100 * float(half) for half in np.mean(halves, axis=0))
    return Detail(
        record=runs.records[first],
        confusion=confusion,
        class_error_pct=100 * class_error_rates(confusion),
        half_error_pct=(early, late),
        kappa=cohens_kappa(confusion),
        calibration_pct=100 * float(np.mean(calibrations)) if calibrations else None,
        prediction=runs.predictions[first][1],
        probabilities=_probabilities(runs.extras[first]),
        exhibits=exhibits,
    )


def details_of(
    runs: Sequence[Runs], order: Sequence[str], n_classes: int
) -> list[Detail]:
    """Details of the methods that worked, in the given order of methods."""
    found = {one.method: detail(one, n_classes) for one in runs}
    return [one for name in order if (one := found.get(name)) is not None]


def _probabilities(extras: dict[str, NDArray[Any]]) -> NDArray[np.float64] | None:
    scores = extras.get("scores")
    return None if scores is None else probabilities_of(scores)
