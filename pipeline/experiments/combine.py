"""Two methods combined: does one know what the other does not?

Both are fitted on the training images that are not held out. On the held-out images
their scores, each divided by its standard deviation there, are combined in two ways: a
weighted sum whose weight gives the fewest errors, and a multinomial logistic regression
on both (stacking, Wolpert 1992). Then the test images are looked at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset, validation_split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import n_errors
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import (
    COMBINED,
    Combination,
    CombinationFacts,
    is_committed,
)
from visbase.pipeline.experiments.run import require_sizes
from visbase.pipeline.models.methods import MethodFile
from visbase.pipeline.storage import artifacts, measured
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.folder_lock import locked

FloatArray = NDArray[np.float64]

WEIGHTS = np.linspace(0, 1, 21)
PENALTY = 0.1  # inverse weight of the regression's squared norm


def combine(methods: tuple[MethodFile, MethodFile], dataset: Dataset) -> Combination:
    """Fit two methods and combine their scores."""
    if methods[0].name == methods[1].name:
        raise BadInput(f"{methods[0].name} twice; name two different methods")
    revision = provenance.revision()
    train, held_out = validation_split(dataset, seed=0)
    classes = np.unique(train.labels)
    if len(np.unique(held_out.labels)) < 2:
        raise BadInput(
            f"the {len(held_out)} held-out training images are all of one class; a "
            "combination needs more images"
        )
    both = []
    for method in methods:
        model = method.build(
            method.presets(dataset.kind, dataset.published_name)["full"], 0
        )
        require_sizes(model, dataset)
        model.fit(train.images, train.labels)
        scores = [model.scores(s.images) for s in (held_out, dataset.test)]
        both.append(_scaled(scores[0].astype(float), scores[1].astype(float)))
    (first, first_test), (second, second_test) = both
    truth = held_out.labels
    weight = best_weight(first, second, np.searchsorted(classes, truth))
    stack = _stack(np.hstack([first, second]), truth)
    names = (methods[0].name, methods[1].name)
    held_out_scores = (first, second, mixed(first, second, weight))
    test_scores = (first_test, second_test, mixed(first_test, second_test, weight))
    answers = [
        *(classes[scores.argmax(axis=1)] for scores in test_scores),
        stack.predict(np.hstack([first_test, second_test])),
    ]
    facts = CombinationFacts(
        methods=names,
        weight=weight,
        n_validation=len(held_out),
        validation_errors={
            name: n_errors(truth, classes[scores.argmax(axis=1)])
            for name, scores in zip((*names, COMBINED[0]), held_out_scores, strict=True)
        },
        answers=[*names, *COMBINED],
        commit=revision,
    )
    by_name = dict(zip(facts.answers, answers, strict=True))
    return Combination(facts, dataset.test.labels, by_name)


def mixed(first: FloatArray, second: FloatArray, weight: float) -> FloatArray:
    """The weighted sum of two score matrices (n, C): weight, and 1 - weight."""
    return weight * first + (1 - weight) * second


def best_weight(
    first: FloatArray, second: FloatArray, columns: NDArray[np.int64]
) -> float:
    """The weight of the first scores (n, C) with the fewest errors.

    Of a tie, the weight nearest to 1/2. columns (n,): of the true classes.
    """
    errors = [
        n_errors(columns, mixed(first, second, weight).argmax(axis=1))
        for weight in WEIGHTS
    ]
    order = sorted(
        range(len(WEIGHTS)), key=lambda i: (errors[i], abs(WEIGHTS[i] - 0.5))
    )
    return float(WEIGHTS[order[0]])


def write_combination(combination: Combination, dataset: Dataset) -> Path:
    """Write combination/<dataset>/<a>+<b>.json and .npy; return the JSON's path.

    They go beside the records; under artifacts if the code is not committed. The array
    has truth and answers, (1 + 4, n_test), in the JSON's order.
    """
    revision = combination.facts.commit
    committed = is_committed(revision) and dataset.published
    root = measured("combination") if committed else artifacts() / "combination"
    path = root / dataset.name / ("+".join(combination.facts.methods) + ".json")
    labels = [combination.truth, *combination.answers.values()]
    text = msgspec.json.format(msgspec.json.encode(combination.facts), indent=1)
    # the facts appear last: never beside the array of another run
    beside = path.with_suffix(".npy")
    with (
        locked(path.parent),
        atomic_write(path) as file,
        atomic_write(beside) as array,
    ):
        file.write(text + b"\n")
        file.flush()
        np.save(array, np.stack(labels).astype(np.int16))
        array.flush()
        path.unlink(missing_ok=True)
    return path


def _scaled(held_out: FloatArray, test: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Divide both by the standard deviation of the first."""
    spread = float(held_out.std()) or 1.0
    return held_out / spread, test / spread


def _stack(scores: FloatArray, labels: NDArray[np.int64]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=PENALTY, max_iter=1000).fit(scores, labels)
