"""Two methods together: does one know what the other does not?

Both are fitted on the training images that do not validate. On the held-out images
their scores, each divided by its spread there, are put together in two ways: a weighted
sum whose weight has the fewest errors, and a multinomial logistic regression on both
(stacking, Wolpert 1992). Then all test images are looked at once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset, hold_out, hold_out_sixth
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import n_errors
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import Combination, is_committed
from visbase.pipeline.models.methods import MethodFile
from visbase.pipeline.storage import artifacts, measured
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.folder_lock import locked

FloatArray = NDArray[np.float64]

WEIGHTS = np.linspace(0, 1, 21)
PENALTY = 0.1  # inverse weight of the regression's squared norm
N_VALIDATION = 10_000  # at most; a sixth of a smaller set


def combine(methods: tuple[MethodFile, MethodFile], dataset: Dataset) -> Combination:
    """Fit two methods and put their scores together."""
    if methods[0].name == methods[1].name:
        raise BadInput(f"{methods[0].name} twice: name two methods")
    revision = provenance.revision()
    if dataset.published:
        n_validation = min(N_VALIDATION, max(1, len(dataset.train) // 6))
        train, held_out = hold_out(dataset.train, n_validation)
    else:
        train, held_out = hold_out_sixth(dataset.train, seed=0)
    classes = np.unique(train.labels)
    both = []
    for method in methods:
        model = method.build(method.presets(dataset.photographs)["full"], 0)
        model.fit(train.images, train.labels)
        scores = [model.scores(s.images) for s in (held_out, dataset.test)]
        both.append(_scaled(scores[0].astype(float), scores[1].astype(float)))
    (first, first_test), (second, second_test) = both
    truth = held_out.labels
    weight = best_weight(first, second, np.searchsorted(classes, truth))
    stack = _stack(np.hstack([first, second]), truth)
    names = tuple(method.name for method in methods)
    validation = {
        names[0]: classes[first.argmax(axis=1)],
        names[1]: classes[second.argmax(axis=1)],
        "weighted sum": classes[mixed(first, second, weight).argmax(axis=1)],
    }
    answers = {
        names[0]: classes[first_test.argmax(axis=1)],
        names[1]: classes[second_test.argmax(axis=1)],
        "weighted sum": classes[mixed(first_test, second_test, weight).argmax(axis=1)],
        "stacked": stack.predict(np.hstack([first_test, second_test])),
    }
    return Combination(
        (names[0], names[1]),
        weight,
        len(held_out),
        {name: n_errors(truth, labels) for name, labels in validation.items()},
        dataset.test.labels,
        answers,
        revision,
    )


def mixed(first: FloatArray, second: FloatArray, weight: float) -> FloatArray:
    """weight times the first scores (n, C) and the rest of 1 times the second."""
    return weight * first + (1 - weight) * second


def best_weight(
    first: FloatArray, second: FloatArray, columns: NDArray[np.int64]
) -> float:
    """Of the first scores (n, C), with fewest errors; of equals the nearest to 1/2.

    columns (n,): the true class's column.
    """
    errors = [
        n_errors(columns, mixed(first, second, weight).argmax(axis=1))
        for weight in WEIGHTS
    ]
    order = sorted(
        range(len(WEIGHTS)), key=lambda i: (errors[i], abs(WEIGHTS[i] - 0.5))
    )
    return float(WEIGHTS[order[0]])


def write_combination(found: Combination, dataset: Dataset) -> Path:
    """combination/<dataset>/<a>+<b>.json and .npy beside the records; the path.

    Under artifacts where the code is not committed. The array has truth and answers,
    (1 + 4, n_test), in the JSON's order.
    """
    committed = is_committed(found.revision) and dataset.published
    root = measured("combination") if committed else artifacts() / "combination"
    path = root / dataset.name / ("+".join(found.methods) + ".json")
    facts: dict[str, Any] = {
        "methods": found.methods,
        "weight": found.weight,
        "n_validation": found.n_validation,
        "validation_errors": found.validation,
        "answers": list(found.answers),
        "commit": found.revision,
    }
    stacked = np.stack([found.truth, *found.answers.values()]).astype(np.int16)
    text = json.dumps(facts, indent=1) + "\n"
    # the facts take their place last: never beside the array of another run
    beside = path.with_suffix(".npy")
    with (
        locked(path.parent),
        atomic_write(path) as file,
        atomic_write(beside) as array,
    ):
        file.write(text.encode())
        file.flush()
        np.save(array, stacked)
        array.flush()
        path.unlink(missing_ok=True)
    return path


def _scaled(held_out: FloatArray, test: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both divided by the standard deviation of the first."""
    spread = float(held_out.std()) or 1.0
    return held_out / spread, test / spread


def _stack(scores: FloatArray, labels: NDArray[np.int64]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=PENALTY, max_iter=1000).fit(scores, labels)
