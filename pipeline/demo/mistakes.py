"""Test images that a method got wrong in its recorded run, to try on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.experiments.records import (
    read_predictions,
    read_record,
    record_path,
)
from visbase.pipeline.models.file import Model
from visbase.pipeline.storage import results

N_SHOWN = 8  # per method


@dataclass(frozen=True)
class Mistake:
    """A test image (h, w[, 3]) uint8, its class and what the method called it."""

    image: NDArray[np.uint8]
    at: int
    truth: str
    predicted: str


def mistakes(models: Sequence[Model]) -> dict[str, list[Mistake]]:
    """Return mistakes of each method that has a record of seed 0, by its name.

    Images of one method are not shown again for the next. Folders of photographs have
    no committed records.
    """
    found: dict[str, list[Mistake]] = {}
    shown: set[int] = set()
    dataset: Dataset | None = None
    for model in models:
        path = record_path(results(), model.card.dataset, model.method, 0)
        if model.card.dataset.startswith("folder") or not path.is_file():
            continue
        dataset = dataset or load_dataset(model.card.dataset)
        truth, predicted = read_predictions(path, read_record(path))
        wrong = np.flatnonzero(truth != predicted).tolist()
        wrong = [at for at in wrong if at not in shown][:N_SHOWN]
        shown.update(wrong)
        found[model.method] = [
            Mistake(
                dataset.test.images[at],
                at,
                dataset.classes[truth[at]],
                dataset.classes[predicted[at]],
            )
            for at in wrong
        ]
    return found
