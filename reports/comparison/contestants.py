"""What the methods answered on every split of a folder, read from their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.experiments.records import (
    Record,
    read_extras,
    read_predictions,
    read_record,
)

IntArray = NDArray[np.integer]


@dataclass(frozen=True)
class Answers:
    """One method on one split.

    truth and prediction (n,) index record.classes; record.test_names has the file of
    each row. extras, each absent if it was not computed: "probabilities" (n, C),
    calibrated; "evidence" (m, h, w) int8 for the first m wrong rows: positive where the
    image speaks for the prediction, negative where it speaks for the runner-up;
    "curve" (sizes, n): predictions after training on a part of the images, see
    `experiments.contestant`.
    """

    record: Record
    truth: IntArray
    prediction: IntArray
    extras: dict[str, NDArray[Any]]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which test images the method classifies correctly (n,)."""
        return np.asarray(self.truth == self.prediction)

    @property
    def accuracy(self) -> float:
        """The fraction of test images that the method classifies correctly."""
        return float(self.right.mean())


@dataclass(frozen=True)
class Contestant:
    """A method and its answers on each split, or the reason why it has none."""

    method: str
    summary: str
    answers: Sequence[Answers]
    failure: str | None = None

    @property
    def trained_on(self) -> str:
        """What others have trained a part of it on, "" for nothing."""
        first = self.answers[0].record if self.answers else None
        return first.pretrained.get("trained_on", "") if first else ""


def read_contestant(paths: Sequence[Path]) -> Contestant:
    """Read the records of one method, one per split; BadInput if one is damaged."""
    records = [read_record(path) for path in paths]
    failures = [record.error for record in records if record.error is not None]
    answers = []
    for path, record in zip(paths, records, strict=True):
        if record.error is None:
            truth, prediction = read_predictions(path, record)
            extras = read_extras(path, record)
            answers.append(Answers(record, truth, prediction, extras))
    failure = failures[0] if failures else None
    return Contestant(records[0].method, records[0].summary, answers, failure)
