"""One run: build a method, fit it, score every test image, and record the result."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import (
    Arrays,
    IsPretrained,
    KeepsHistory,
    Method,
    RunsOnDevice,
    Shows,
    takes_any_size,
)
from visbase.pipeline.datasets.splits import Dataset, Split, part, take
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import n_errors
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.records import (
    Record,
    read_record,
    record_path,
    write_record,
)
from visbase.pipeline.images.batches import sizes
from visbase.pipeline.models.methods import MethodFile, NetworkMethod, as_json
from visbase.pipeline.storage import artifacts, results, spent

# starts a child of this program; -P keeps modules of the working folder out of it
OWN_PROGRAM = (sys.executable, "-P", "-m", "visbase")
QUICK_TRAIN = 10_000  # training images that a quick run uses at most
SHOWN_IMAGES = 500  # training images that a method may take its exhibits from


def run_method(
    method: MethodFile,
    config: Any,
    preset: str,
    seed: int,
    dataset: Dataset,
    keep: Callable[[Method, Record, Split], None] | None = None,
    *,
    folder: Path | None = None,
    examine: Callable[[Method, Split, NDArray[np.float32]], Arrays] | None = None,
    fingerprint: str = "",
) -> tuple[Record, Path]:
    """Fit on the training images, predict all test images once, write the record.

    A quick run trains on every k-th pair of images, at most QUICK_TRAIN images.
    Recalled stages count with the seconds and the memory that they took when they were
    computed. A run that raises leaves a record of its failure, unless a good record is
    there already.
    keep is called with the fitted model, its record and its training images. folder:
    where the record goes, instead of the usual place; examine: what else is stored of
    the fitted model, its training images and its test scores; fingerprint: of the run,
    instead of the folder's. Returns the record and the folder of results that it went
    to.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    train = dataset.train if preset == "full" else every_kth_pair(dataset.train)
    changed = config != method.presets(dataset.kind, dataset.published_name)[preset]
    dirty = provenance.dirty()
    folder = folder or results_folder(preset, changed, dirty, dataset.published)
    facts: dict[str, Any] = {
        "method": method.name,
        "summary": method.summary,
        "family": method.family,
        "dataset": dataset.name,
        "preset": preset,
        "seed": seed,
        "config": as_json(config),
        "n_train": len(train),
        "n_test": len(dataset.test),
        "device": "cpu",
        "cpu": provenance.cpu(),
        "n_cores": provenance.n_cores(),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "dirty": dirty,
        "started": started,
    }
    # an invalid request leaves no record; a failure during the run does
    if isinstance(method, NetworkMethod) and not dataset.photographs:
        raise BadInput(
            f"{method.name} is for photographs; {dataset.name} has {dataset.kind}: "
            "pass --dataset folder:PATH or imagenet"
        )
    model: Method
    with blaming_settings(method.name, changed):
        model = method.build(config, seed)
    require_sizes(model, dataset)
    facts["device"] = model.device if isinstance(model, RunsOnDevice) else "cpu"
    try:
        with blaming_settings(method.name, changed):
            fit_s = _timed(lambda: model.fit(train.images, train.labels))[1]
            scores, predict_s = _timed(lambda: model.scores(dataset.test.images))
        prediction = np.unique(train.labels)[scores.argmax(axis=1)]
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        failure = _failure(facts | _names(dataset, fingerprint), reason)
        at = (dataset.name, method.name, seed, failure.on_gpu)
        if is_main_process() and not _is_good(record_path(folder, *at)):
            write_record(folder, failure)
        raise
    record = Record(
        **facts,
        n_correct=len(prediction) - n_errors(dataset.test.labels, prediction),
        fit_s=round(fit_s, 2),
        predict_s=round(predict_s, 2),
        peak_rss_mb=round(spent.peak_rss_mb(), 1),
        n_parameters=model.n_parameters,
        histories=[
            [dataclasses.asdict(epoch) for epoch in history]
            for history in (model.histories if isinstance(model, KeepsHistory) else ())
        ],
        pretrained=dict(model.pretrained) if isinstance(model, IsPretrained) else {},
        model_bytes=sum(array.nbytes for array in model.arrays().values()),
        **_names(dataset, fingerprint),
    )
    if is_main_process():
        write_record(
            folder,
            record,
            dataset.test.labels,
            prediction,
            {
                "scores": _half(scores),
                **_exhibits(model, train),
                **(examine(model, train, scores) if examine is not None else {}),
            },
        )
        if keep is not None:
            keep(model, record, train)
    return record, folder


@contextmanager
def blaming_settings(name: str, changed: bool) -> Iterator[None]:
    """Raise BadInput if a method cannot work with the values that --set gave it."""
    try:
        yield
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        if not changed:
            raise
        reason = " ".join(f"{error}".split())[:200]
        raise BadInput(f"{name} cannot work with the settings: {reason}") from error


def require_sizes(model: Method, dataset: Dataset) -> None:
    """Raise BadInput if the images differ in size and the method needs one size."""
    if takes_any_size(model):
        return
    both = [sizes(split.images) for split in (dataset.train, dataset.test)]
    found = np.unique(np.concatenate(both), axis=0).tolist()
    if len(found) > 1:
        (h, w), (other_h, other_w) = found[0], found[-1]
        raise BadInput(
            f"this method needs images of one size, found {len(found)}, from {w} x {h} "
            f"to {other_w} x {other_h} pixels; resize them, or use bovw_fisher"
        )


def is_main_process() -> bool:
    """Whether this process, among several that train together, writes the record."""
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    return alone or os.environ.get("RANK", "0") == "0"


def _names(dataset: Dataset, fingerprint: str) -> dict[str, Any]:
    """What a folder of one's own must add, so that its record can be reported."""
    if dataset.published:
        return {}
    return {
        "classes": list(dataset.classes),
        "test_names": list(dataset.test.names),
        "fingerprint": fingerprint or dataset.fingerprint,
    }


def _half(scores: NDArray[np.float32]) -> NDArray[np.float16]:
    """Scores as float16, the largest ones as its largest number, not as infinity."""
    limit = np.finfo(np.float16).max
    return scores.clip(-limit, limit).astype(np.float16)


def _exhibits(model: Method, train: Split) -> dict[str, NDArray[Any]]:
    """Pictures of what the method learned: kernels or words."""
    if not isinstance(model, Shows):
        return {}
    return dict(model.show(part(train, slice(0, SHOWN_IMAGES)).images))


def _is_good(path: Path) -> bool:
    try:
        return read_record(path).error is None
    except BadInput:
        return False


def every_kth_pair(train: Split) -> Split:
    """The images of a quick run: every k-th pair, at most QUICK_TRAIN images.

    Pairs, since students and employees alternate in MNIST: every sixth image would be a
    student's.
    """
    k = math.ceil(len(train) / QUICK_TRAIN)
    return take(train, np.flatnonzero(np.arange(len(train)) // 2 % k == 0))


def results_folder(
    preset: str, changed: bool, dirty: bool | None, published: bool = True
) -> Path:
    """The folder of a record: only full presets of committed code become evidence.

    changed: whether settings differ from the preset; published: whether others have the
    dataset too. Records of a private folder of photographs are no evidence.
    """
    if not published:
        return artifacts() / "results" / ("changed" if changed else preset)
    if preset == "full" and not changed and dirty is False:
        return results()
    kind = "changed" if changed or preset == "full" else preset
    return artifacts() / "results" / kind


def _timed(work: Any) -> tuple[Any, float]:
    before, start = spent.recalled_s(), time.perf_counter()
    result = work()
    return result, time.perf_counter() - start + spent.recalled_s() - before


def _failure(facts: dict[str, Any], reason: str) -> Record:
    return Record(
        **facts,
        n_correct=None,
        fit_s=None,
        predict_s=None,
        peak_rss_mb=round(spent.peak_rss_mb(), 1),
        n_parameters=None,
        error=reason,
    )
