"""Answers of made-up methods about made-up photographs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.reports.builders import FACTS
from visbase.pipeline.experiments.records import Record
from visbase.reports.comparison.contestants import Answers, Contestant

CLASSES = ["cat", "dog", "cow"]


def answers(
    method: str,
    names: Sequence[str],
    truth: Sequence[int],
    prediction: Sequence[int],
    sure: Sequence[float] = (),
    *,
    classes: Sequence[str] = CLASSES,
    evidence: Any = None,
    curve: Any = None,
    **facts: Any,
) -> Answers:
    """A method on one split; sure: probabilities of the predicted classes.

    The other classes share the rest equally.
    """
    right = np.equal(truth, prediction)
    changes = {"method": method, "classes": list(classes), "test_names": list(names)}
    changes |= {"n_test": len(names), "n_correct": int(right.sum())}
    changes["fingerprint"] = f"split {facts.get('seed', 0)}"
    sizes = None if curve is None else np.array([10, 20, 40])
    given = {"evidence": evidence, "curve": curve, "sizes": sizes}
    extras = {name: values for name, values in given.items() if values is not None}
    if len(sure):
        rest = (1 - np.array(sure)) / (len(classes) - 1)
        extras["probabilities"] = np.repeat(rest[:, None], len(classes), axis=1)
        extras["probabilities"][np.arange(len(names)), prediction] = sure
    record = Record(**FACTS | changes | facts)
    return Answers(record, np.array(truth), np.array(prediction), extras)


def contestant(*splits: Answers) -> Contestant:
    record = splits[0].record
    return Contestant(record.method, f"the {record.method} method", splits)
