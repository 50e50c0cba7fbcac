"""Fit and score methods on a dataset, in this process and without records."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import error_pct, n_errors, wilson_interval
from visbase.pipeline.experiments.run import every_kth_pair, require_sizes
from visbase.pipeline.models.methods import find_method


@dataclass(frozen=True)
class Outcome:
    """The result of one method on the test images of a dataset.

    Errors are in percent, with Wilson's 95 % interval; times are in seconds.
    """

    method: str
    n_errors: int
    n_test: int
    fit_s: float
    predict_s: float

    @property
    def error_pct(self) -> float:
        return error_pct(self.n_errors, self.n_test)

    @property
    def interval_pct(self) -> tuple[float, float]:
        low, high = wilson_interval(self.n_errors, self.n_test)
        return 100 * low, 100 * high

    def __str__(self) -> str:
        low, high = self.interval_pct
        return (
            f"{self.method}: {self.error_pct:.2f} % error ({low:.2f} to {high:.2f}), "
            f"fit {self.fit_s:.1f} s, predict {self.predict_s:.1f} s"
        )


def fit_and_score(
    methods: Iterable[str], dataset: Dataset, *, preset: str = "full", seed: int = 0
) -> list[Outcome]:
    """Fit each method on the training images and look at the test images once.

    preset: "full", or "quick" for smaller settings and at most 10,000 training images.
    Returns the outcomes, fewest errors first. Raises BadInput for an unknown method,
    or if the images differ in size and a method needs one size.
    """
    files = [find_method(name) for name in methods]
    train = dataset.train if preset == "full" else every_kth_pair(dataset.train)
    outcomes = []
    for method in files:
        model = method.build(
            method.presets(dataset.kind, dataset.published_name)[preset], seed
        )
        require_sizes(model, dataset)
        started = time.perf_counter()
        model.fit(train.images, train.labels)
        fitted = time.perf_counter()
        labels = model.predict(dataset.test.images)
        ended = time.perf_counter()
        wrong = n_errors(dataset.test.labels, labels)
        outcomes.append(
            Outcome(method.name, wrong, len(labels), fitted - started, ended - fitted)
        )
    return sorted(outcomes, key=lambda outcome: outcome.n_errors)
