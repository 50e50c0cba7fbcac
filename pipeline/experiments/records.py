"""Run records: what a run was and what it predicted, as files that can be rechecked.

    <results>/<dataset>/<method>/seed<k>.json   the facts; counts, never percentages
    <results>/<dataset>/<method>/seed<k>.npy    (2, n_test): truth, prediction
    <results>/<dataset>/<method>/seed<k>.scores.npy    (n_test, C) float16
    <results>/<dataset>/<method>/seed<k>.<exhibit>.npy    (n, h, w[, 3]): kernels, words

A GPU's run on a published data set stands beside it, as seed<k>.cuda.json and so on.
A repetition on another processor can be put there by hand as seed<k>-<name>.json, with
its arrays: mean and deviation of the error then count it, times do not.
The JSON is written last: a record without it does not exist. `visbase compare` keeps
more beside it, see `experiments.contestant`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from visbase.pipeline.contracts import Family
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_errors
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.reading import (
    LARGEST,
    Amount,
    Count,
    Positive,
    read_array,
    read_json,
)

# of the training images, whose test predictions are the rows of the array "curve"; the
# array "sizes" has their numbers, since each class gives at least one
CURVE_PARTS = (1 / 8, 1 / 4, 1 / 2)

GPU = "-cuda"  # at the end of the name of a GPU's row
CHANCE = "majority"  # the method that looks at no image; comparisons set it apart

Finite = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Epoch = dict[str, Finite | None]  # error_pct, loss and so on


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run of one method; times in seconds, memory in MiB.

    A failed run has its reason in `error` and None for what it never reached.
    histories: for each network that was trained, its values after every epoch.
    pretrained: what others have trained before, see `contracts.IsPretrained`.
    model_bytes: size of the learned arrays. A folder has no official test set, so its
    record names the classes, the test images, in order, and the fingerprint of the
    split, see `Dataset.fingerprint`.
    """

    method: str
    summary: str
    family: Family
    dataset: str
    preset: str
    seed: Count
    config: dict[str, Any]
    n_train: Positive
    n_test: Positive
    n_correct: Count | None
    fit_s: Amount | None
    predict_s: Amount | None
    peak_rss_mb: Amount
    n_parameters: Count | None
    device: str
    cpu: str
    n_cores: Positive
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None
    started: str
    error: str | None = None
    histories: list[list[Epoch]] = []
    pretrained: dict[str, str] = {}
    model_bytes: Count | None = None
    classes: list[str] = []
    test_names: list[str] = []
    fingerprint: str = ""

    def __post_init__(self) -> None:
        reached = (self.n_correct, self.fit_s, self.predict_s, self.n_parameters)
        if self.error is None and None in reached:
            raise ValueError("a number is null in a run that did not fail")
        if (self.n_correct or 0) > self.n_test:
            raise ValueError(f"{self.n_correct} of {self.n_test} are correct")
        if self.test_names and len(self.test_names) != self.n_test:
            raise ValueError(f"{len(self.test_names)} names of {self.n_test} images")
        if any(len(text.splitlines()) > 1 for text in (self.summary, self.error or "")):
            raise ValueError("its summary or error has more than one line")
        if any(
            "error_pct" not in epoch for epochs in self.histories for epoch in epochs
        ):
            raise ValueError("an epoch of its history has no error_pct")

    @property
    def on_gpu(self) -> bool:
        """Whether it stands beside the record of a CPU; a folder has but one."""
        return "cuda" in self.device and not self.fingerprint

    def line(self) -> str:
        """The result in one line, for a terminal."""
        what = f"{self.method} ({self.preset}, seed {self.seed})"
        if self.n_correct is None:
            return f"{what}: failed, {self.error}"
        n_wrong = self.n_test - self.n_correct
        return (
            f"{what}: {error_pct(n_wrong, self.n_test):.2f} % error, {n_wrong} of "
            f"{self.n_test:,} {self.dataset} test images, fit {self.fit_s:.1f} s, "
            f"predict {self.predict_s:.1f} s, peak {self.peak_rss_mb:,.0f} MiB"
        )


def record_path(
    results: Path, dataset: str, method: str, seed: int, on_gpu: bool = False
) -> Path:
    beside = ".cuda" if on_gpu else ""
    return results / dataset / method / f"seed{seed}{beside}.json"


def facts_beside(array: Path) -> Path:
    """The record that an array belongs to, from the array's name."""
    seed, *others = array.name.split(".")
    return array.with_name(f"{seed}{'.cuda' * (others[0] == 'cuda')}.json")


def arrays_beside(facts: Path) -> list[Path]:
    """The further arrays of a record, sorted."""
    arrays = sorted(facts.parent.glob(f"{facts.stem}.*.npy"))
    return [array for array in arrays if facts_beside(array) == facts]


def write_record(
    results: Path,
    record: Record,
    truth: NDArray[np.int64] | None = None,
    prediction: NDArray[np.int64] | None = None,
    extras: Mapping[str, NDArray[Any]] | None = None,
) -> Path:
    """Write a record and, unless the run failed, its predictions; return the path.

    extras: further arrays by name, each in its own file; those of an earlier run of
    the same name are removed. An earlier record stays whole until all of the new one is
    on disk. Then the old facts are removed first and the new ones appear last, so that
    facts never stand beside the arrays of another run.
    """
    at = (record.dataset, record.method, record.seed, record.on_gpu)
    path = record_path(results, *at)
    arrays = {path.with_suffix(f".{name}.npy"): a for name, a in (extras or {}).items()}
    if truth is not None and prediction is not None:
        both = np.stack([truth, prediction])
        both = both.astype(np.uint8 if both.max(initial=0) < 256 else np.int16)
        arrays[path.with_suffix(".npy")] = both
    text = msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=1)
    # files take their places in the reverse order of opening
    with locked(path.parent), ExitStack() as stack:
        facts = stack.enter_context(atomic_write(path))
        facts.write(text + b"\n")
        facts.flush()
        for place, values in arrays.items():
            file = stack.enter_context(atomic_write(place))
            np.save(file, values)
            file.flush()
        path.unlink(missing_ok=True)
        for old in arrays_beside(path):
            if old not in arrays and old.is_file():
                old.unlink(missing_ok=True)
    return path


def read_record(path: Path) -> Record:
    """Read the facts; BadInput names the file and what is wrong with it."""
    return read_json(path, Record, "record")


def read_extras(path: Path, record: Record) -> dict[str, NDArray[Any]]:
    """Read the further arrays beside a record, such as "scores" (n_test, C), by name.

    Raises BadInput if one is damaged, or if scores are not one row per test image.
    """
    arrays = {}
    for beside in arrays_beside(path):
        values = read_array(beside)
        name = beside.name.removeprefix(f"{path.stem}.").removesuffix(".npy")
        if name in ("scores", "probabilities"):
            expected = f"({record.n_test}, classes)"
            fits = values.ndim == 2 and len(values) == record.n_test
        elif name in ("curve", "half"):
            expected = f"(sizes, {record.n_test})"
            fits = values.ndim == 2 and values.shape[1] == record.n_test
        elif name == "sizes":
            expected = "(sizes,)"
            fits = values.ndim == 1
        else:
            expected = "(n, h, w) or (n, h, w, 3)"
            fits = values.ndim == 3 or values.shape[3:] == (3,)
        is_number = values.dtype.kind in "fiu" and values.size > 0
        if not (fits and is_number and np.isfinite(values).all()):
            raise BadInput(
                f"{beside}: expected finite numbers of shape {expected}, found "
                f"{values.dtype} of shape {values.shape}; run it again"
            )
        arrays[name] = values
    return arrays


def read_predictions(path: Path, record: Record) -> NDArray[np.integer]:
    """Read truth and prediction (2, n_test) beside a record and recount them.

    Raises BadInput if they are missing, damaged, or do not give n_correct.
    """
    beside = path.with_suffix(".npy")
    both = read_array(beside)
    if both.shape != (2, record.n_test) or both.dtype.kind not in "iu":
        raise BadInput(
            f"{beside}: expected integers of shape (2, {record.n_test}), found "
            f"{both.dtype} of shape {both.shape}; run it again"
        )
    n_correct = record.n_test - n_errors(both[0], both[1])
    if n_correct != record.n_correct:
        raise BadInput(
            f"{beside}: {n_correct} predictions are correct, but {path.name} says "
            f"{record.n_correct}; run it again"
        )
    return both
