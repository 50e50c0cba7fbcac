"""Run records: what a run was and what it predicted, as files that can be rechecked.

    <results>/<dataset>/<method>/seed<k>.json   the facts; counts, never percentages
    <results>/<dataset>/<method>/seed<k>.npy    (2, n_test): truth, prediction
    <results>/<dataset>/<method>/seed<k>.scores.npy    (n_test, C) float16
    <results>/<dataset>/<method>/seed<k>.<exhibit>.npy    (n, h, w): kernels, words

The JSON is written last: a record without it does not exist.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import FAMILIES
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_errors
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.reading import open_regular, read_array

# least value of each number of a record; the largest of all of them
LEAST = {
    "seed": 0,
    "n_train": 1,
    "n_test": 1,
    "n_correct": 0,
    "fit_s": 0,
    "predict_s": 0,
    "peak_rss_mb": 0,
    "n_parameters": 0,
    "n_cores": 1,
}
LARGEST = 1e15


@dataclass(frozen=True)
class Record:
    """One run of one method; times in seconds, memory in MiB.

    A run that failed has a reason in `error` and None for what it never reached.
    histories: of each network that was trained, what it reported after every epoch.
    """

    method: str
    summary: str
    family: str
    dataset: str
    preset: str
    seed: int
    config: dict[str, Any]
    n_train: int
    n_test: int
    n_correct: int | None
    fit_s: float | None
    predict_s: float | None
    peak_rss_mb: float
    n_parameters: int | None
    device: str
    cpu: str
    n_cores: int
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None
    started: str
    error: str | None = None
    histories: list[list[dict[str, float | None]]] = field(default_factory=list)

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


def record_path(results: Path, dataset: str, method: str, seed: int) -> Path:
    return results / dataset / method / f"seed{seed}.json"


def write_record(
    results: Path,
    record: Record,
    truth: NDArray[np.int64] | None = None,
    prediction: NDArray[np.int64] | None = None,
    extras: Mapping[str, NDArray[Any]] | None = None,
) -> Path:
    """Write a record and, unless the run failed, its predictions; returns the path.

    extras: further arrays by name, each a file of its own; those of an earlier run of
    the same name are removed. An earlier record stays whole until all of the new one is
    on disk; then its facts go first and the new ones come last, so that facts never
    stand beside arrays of another run.
    """
    path = record_path(results, record.dataset, record.method, record.seed)
    arrays = {path.with_suffix(f".{name}.npy"): a for name, a in (extras or {}).items()}
    if truth is not None and prediction is not None:
        both = np.stack([truth, prediction])
        both = both.astype(np.uint8 if both.max(initial=0) < 256 else np.int16)
        arrays[path.with_suffix(".npy")] = both
    text = json.dumps(dataclasses.asdict(record), indent=1, sort_keys=True) + "\n"
    # what is opened first takes its place last
    with locked(path.parent), ExitStack() as stack:
        facts = stack.enter_context(atomic_write(path))
        facts.write(text.encode())
        facts.flush()
        for place, values in arrays.items():
            file = stack.enter_context(atomic_write(place))
            np.save(file, values)
            file.flush()
        path.unlink(missing_ok=True)
        for old in path.parent.glob(f"{path.stem}.*.npy"):
            if old not in arrays and old.is_file():
                old.unlink(missing_ok=True)
    return path


def read_record(path: Path) -> Record:
    """Read the facts; BadInput names the file and what is wrong with it."""
    try:
        with open_regular(path) as file:
            content = json.loads(file.read().decode())
        record = Record(**content)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such record") from None
    # besides broken JSON: bytes that are no text, numbers and nesting without end
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not a record ({error}); run it again") from None
    except TypeError as error:
        reason = str(error).removeprefix("Record.__init__() ")
        raise BadInput(f"{path}: not a record ({reason}); run it again") from None
    for name, expected in get_type_hints(Record).items():
        value = getattr(record, name)
        if not _is_a(value, expected):
            raise BadInput(
                f"{path}: not a record ({name} is {json.dumps(value)[:40]}); run it "
                "again"
            )
    fault = _fault(record)
    if fault is not None:
        raise BadInput(f"{path}: not a record ({fault}); run it again")
    return record


def _fault(record: Record) -> str | None:
    """What no run can have left, None where there is nothing."""
    for name, least in LEAST.items():
        value = getattr(record, name)
        if value is None:
            if record.error is None:
                return f"{name} is null in a run that did not fail"
        elif not least <= value <= LARGEST:
            return f"{name} is {str(value)[:40]}"
    if record.n_correct is not None and record.n_correct > record.n_test:
        return f"{record.n_correct} of {record.n_test} are correct"
    if record.family not in FAMILIES.values():
        return f"family is {record.family[:40]!r}"
    if any(len(text.splitlines()) > 1 for text in (record.summary, record.error or "")):
        return "its summary or error has more than one line"
    for history in record.histories:
        if not isinstance(history, list) or not all(map(_is_epoch, history)):
            return "a training history is no list of epochs"
    return None


def _is_epoch(epoch: object) -> bool:
    return (
        isinstance(epoch, dict)
        and "error_pct" in epoch
        and all(
            value is None or (isinstance(value, int | float) and abs(value) <= LARGEST)
            for value in epoch.values()
        )
    )


def _is_a(value: object, expected: Any) -> bool:
    """Whether a value read from JSON may stand where a type is expected."""
    kinds = [get_origin(kind) or kind for kind in get_args(expected)]
    if not isinstance(expected, UnionType):
        kinds = [get_origin(expected) or expected]
    if float in kinds:
        kinds.append(int)  # JSON does not tell 3 from 3.0
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, tuple(kinds))


def read_extras(path: Path, record: Record) -> dict[str, NDArray[Any]]:
    """The further arrays beside a record by name, such as "scores" (n_test, C).

    Raises BadInput where one is damaged, or scores are not one row a test image.
    """
    found = {}
    for beside in sorted(path.parent.glob(f"{path.stem}.*.npy")):
        values = read_array(beside)
        name = beside.name.removeprefix(f"{path.stem}.").removesuffix(".npy")
        expected = {"scores": f"({record.n_test}, classes)"}.get(name, "(n, h, w)")
        right = (
            values.ndim == 2 and len(values) == record.n_test
            if name == "scores"
            else values.ndim == 3
        )
        if (
            not right
            or not values.size
            or values.dtype.kind not in "fu"
            or not np.isfinite(values).all()
        ):
            raise BadInput(
                f"{beside}: expected finite numbers of shape {expected}, found "
                f"{values.dtype} of shape {values.shape}; run it again"
            )
        found[name] = values
    return found


def read_predictions(path: Path, record: Record) -> NDArray[np.integer]:
    """Truth and prediction (2, n_test) beside a record, recounted against it.

    Raises BadInput where they are missing, damaged, or do not give n_correct.
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
