"""Test images that a method got wrong in its recorded run, to try on the page."""

from __future__ import annotations

import os
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
from visbase.pipeline.storage import artifacts, results

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
    no committed records. A dataset that is not on this computer is not downloaded.
    """
    found: dict[str, list[Mistake]] = {}
    shown: set[tuple[str, int]] = set()
    datasets: dict[str, Dataset] = {}
    for model in models:
        name = model.card.dataset
        path = record_path(results(), name, model.method, 0)
        if name.startswith("folder") or not path.is_file() or not _is_here(name):
            continue
        dataset = datasets.setdefault(name, datasets.get(name) or load_dataset(name))
        truth, predicted = read_predictions(path, read_record(path))
        wrong = np.flatnonzero(truth != predicted).tolist()
        wrong = [at for at in wrong if (name, at) not in shown][:N_SHOWN]
        shown.update((name, at) for at in wrong)
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


def _is_here(dataset: str) -> bool:
    """Whether the files of a dataset ship with visbase or were downloaded."""
    if os.environ.get("VISBASE_DATA"):  # files of which nobody knows the dataset
        return False
    home = artifacts() / "data" / dataset
    return dataset == "mnist" or any(path.is_file() for path in home.rglob("*"))
