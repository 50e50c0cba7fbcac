"""What the methods answered on every split of a folder, read from their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    "curve" (k, n): predictions after training on "sizes" (k,) of the images, see
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

    @property
    def curve(self) -> tuple[list[int], list[NDArray[np.bool_]]] | None:
        """Numbers of training images (k,), and for each split what was right (k, n).

        The last is of all training images; None if no split has a curve, or if the
        parts are no smaller, as with one image per class.
        """
        known = [one for one in self.answers if "curve" in one.extras]
        if not known:
            return None
        n, sizes = known[0].record.n_train, known[0].extras["sizes"].tolist()
        if sizes[0] >= n:
            return None
        right = [
            np.vstack([one.extras["curve"] == one.truth, one.right]) for one in known
        ]
        return [*sizes, n], right


def one_per_split(contestant: Contestant) -> Contestant:
    """Leave out further runs on the same split, whose test images are the same."""
    first: dict[str, Answers] = {}
    for one in contestant.answers:
        first.setdefault(one.record.fingerprint, one)
    return replace(contestant, answers=[*first.values()])


def read_contestant(
    method: str,
    paths: Sequence[Path],
    failure: str | None = None,
    parts: Sequence[Path] = (),
) -> Contestant:
    """Read the records of one method, one per split; BadInput if one is damaged.

    parts: records after training on CURVE_PARTS of the first split, without the last, a
    half, if there are any.
    """
    answers = []
    for path in paths:
        record = read_record(path)
        if record.error is not None:
            failure = failure or record.error
            continue
        truth, prediction = read_predictions(path, record)
        answers.append(Answers(record, truth, prediction, read_extras(path, record)))
    if parts:
        records, extras = [read_record(path) for path in parts], answers[0].extras
        rows = map(read_predictions, parts, records)
        extras["curve"] = np.vstack([*(row[1] for row in rows), extras["half"]])
        half = answers[0].record.n_train // 2
        extras["sizes"] = np.array([*(one.n_train for one in records), half])
    summary = answers[0].record.summary if answers else ""
    return Contestant(method, summary, answers, failure)
