"""One method of a comparison: every split of a folder that it has no record for.

A record is good as long as the photographs, the split, the settings and the code are
the same. Beside the scores it keeps calibrated probabilities, evidence for some
mistakes and, where the last stage is cheap to fit again, predictions after training on
a part of the images.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, Explains, Method, Refits
from visbase.pipeline.datasets.folder import load_folder
from visbase.pipeline.datasets.splits import Dataset, Split, take
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import (
    CURVE_PARTS,
    Record,
    read_record,
    record_path,
)
from visbase.pipeline.experiments.run import run_method
from visbase.pipeline.images.fingerprint import fingerprint
from visbase.pipeline.images.photo_files import PhotoFiles
from visbase.pipeline.models.methods import MethodFile, NetworkMethod, find_method
from visbase.pipeline.progress import track
from visbase.pipeline.storage import artifacts
from visbase.pipeline.storage.code import source_digest

QUICK_TRAIN, QUICK_TEST = 1000, 500  # photographs that a quick comparison uses at most
EVIDENCE_SIDE = 32  # of the maps of evidence
EXPLAINED = 100  # mistakes of the first split that get such a map


class Task(msgspec.Struct, frozen=True):
    """What a contestant has to do.

    seeds: one per split; splitting: arguments of `load_folder`; results: folder of the
    records; part: fraction of the training images to use; unlabelled: whether to train
    on all labelled images and to classify those without a label (which the record takes
    for images of the first class).
    """

    method: str
    root: str
    preset: str
    seeds: list[int]
    splitting: dict[str, Any]
    results: str
    part: float = 1
    unlabelled: bool = False

    def record_path(self, dataset: Dataset, seed: int) -> Path:
        return record_path(Path(self.results), dataset.name, self.method, seed)


def load_split(task: Task, seed: int) -> Dataset:
    """Load one split of the folder; a quick one with fewer images of each class."""
    dataset = load_folder(Path(task.root), seed=seed, **task.splitting)
    train, test = dataset.train, dataset.test
    if task.unlabelled and dataset.unlabelled is not None:
        train = _joined(train, test)
        unlabelled = dataset.unlabelled
        no_labels = np.zeros(len(unlabelled), np.int64)
        test = Split(unlabelled.images, no_labels, unlabelled.names)
        return dataclasses.replace(dataset, train=train, test=test)
    if task.preset == "quick":
        train = sample(train, QUICK_TRAIN / len(train), seed)
        test = sample(test, QUICK_TEST / len(test), seed)
    if task.part < 1:
        train = sample(train, task.part, seed)
    return dataclasses.replace(dataset, train=train, test=test)


def _joined(first: Split, second: Split) -> Split:
    images, more = first.images, second.images
    assert isinstance(images, PhotoFiles)
    assert isinstance(more, PhotoFiles)
    both = PhotoFiles(
        [*images.paths, *more.paths],
        np.concatenate([images.sizes, more.sizes]),
        [*images.digests, *more.digests],
    )
    labels = np.concatenate([first.labels, second.labels])
    return Split(both, labels, [*first.names, *second.names])


def sample(split: Split, part: float, seed: int) -> Split:
    """Draw a part of each class, see `sample_rows`; all images if part is 1 or more."""
    if part >= 1:
        return split
    return take(split, sample_rows(split.labels, part, seed))


def sample_rows(labels: NDArray[np.int64], part: float, seed: int) -> NDArray[np.int64]:
    """Draw a part of each class, at least one image; a larger part has the smaller.

    labels (n,) -> rows (m,), ascending.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for label in np.unique(labels):
        order = rng.permutation(np.flatnonzero(labels == label))
        rows.append(order[: max(1, round(part * len(order)))])
    return np.sort(np.concatenate(rows))


def find_record(task: Task, dataset: Dataset, seed: int) -> Record | None:
    """Return the record of this split, unless it failed or something has changed."""
    try:
        record = read_record(task.record_path(dataset, seed))
    except BadInput:
        return None
    expected = _fingerprint(task, find_method(task.method), dataset)
    return record if record.error is None and record.fingerprint == expected else None


def run_task(task: Task) -> Iterator[Record]:
    """Run the method on every split without a record; yield each record."""
    method = find_method(task.method)
    for seed in task.seeds:
        dataset = load_split(task, seed)
        if find_record(task, dataset, seed) is None:
            yield _run_split(task, method, dataset, seed)


def _run_split(task: Task, method: MethodFile, dataset: Dataset, seed: int) -> Record:
    config = method.presets(dataset.kind)[task.preset]
    started = time.time()

    def examine(model: Method, train: Split, scores: NDArray[np.float32]) -> Arrays:
        if task.part < 1:
            return {}
        build = functools.partial(method.build, config, seed)
        return _examine(task, build, model, train, dataset.test, scores, seed)

    record, _ = run_method(
        method,
        config,
        task.preset,
        seed,
        dataset,
        folder=Path(task.results),
        examine=examine,
        fingerprint=_fingerprint(task, method, dataset),
    )
    for path in (artifacts() / "cache").glob("features-*.npz"):
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            if path.stat().st_mtime > started:  # gigabytes that no other split needs
                path.unlink()
    return record


def _fingerprint(task: Task, method: MethodFile, dataset: Dataset) -> str:
    """SHA-256 of the split, the preset and the code; the code is not imported."""
    parts: list[Any] = [
        SimpleNamespace(__module__=name) for name in (method.module, __name__)
    ]
    if isinstance(method, NetworkMethod):
        parts.append(method.network())
    code = source_digest(parts)
    facts = {"split": dataset.fingerprint, "preset": task.preset, "code": code}
    return fingerprint(facts)


def _examine(
    task: Task,
    build: Callable[[], Method],
    model: Method,
    train: Split,
    test: Split,
    scores: NDArray[np.float32],
    seed: int,
) -> Arrays:
    """Compute what is kept beside the scores, see the head of this file."""
    from visbase.pipeline.models.calibration import calibrate

    fitted_to_half: list[Method] = []

    def build_half() -> Method:
        fitted_to_half.append(build())
        return fitted_to_half[-1]

    calibration = calibrate(model, build_half, train, seed)
    probabilities = calibration.probabilities(scores).astype(np.float16)
    arrays: Arrays = {"probabilities": probabilities}
    if task.unlabelled:
        return arrays
    answers = np.unique(train.labels)[scores.argmax(axis=1)]
    wrong = np.flatnonzero(answers != test.labels)
    if isinstance(model, Explains) and seed == 0 and len(wrong):
        arrays["evidence"] = _evidence(model, take(test, wrong[:EXPLAINED]))
    if isinstance(model, Refits):
        arrays["sizes"], arrays["curve"] = _curve(model, train, test, seed)
    for half in fitted_to_half:  # a point of the learning curve, should it be needed
        arrays["half"] = half.predict(test.images)[None]
    return arrays


def _evidence(model: Explains, mistakes: Split) -> NDArray[np.int8]:
    """Map the evidence for the prediction (positive) and the runner-up: (m, h, w)."""
    from visbase.pipeline.models.explain import heat_map

    side, maps = EVIDENCE_SIDE, []
    for image in track(mistakes.images, "evidence", len(mistakes)):
        heat = heat_map(model.explain(image)[1], side, side)
        maps.append(np.rint(127 * heat / max(float(np.abs(heat).max()), 1e-12)))
    return np.stack(maps).astype(np.int8)


def _curve(
    model: Refits, train: Split, test: Split, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Fit the last stage to parts: training images (parts,), answers (parts, n_test).

    What comes before it, such as the vocabulary, has seen all training images, but no
    label.
    """
    features, tested = model.features(train.images), model.features(test.images)
    answers, n_images = [], []
    for part in CURVE_PARTS:
        rows = sample_rows(train.labels, part, seed)
        n_images.append(len(rows))
        scores = model.refit(features[rows], train.labels[rows])(tested)
        answers.append(np.unique(train.labels[rows])[scores.argmax(axis=1)])
    return np.array(n_images), np.stack(answers)
