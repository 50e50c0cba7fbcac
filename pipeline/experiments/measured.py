"""What the measurements beyond the table leave on disk, for those who read it.

curves/<dataset>/<method>.csv           `curve` writes it
corruption/<dataset>/<method>.csv           `corruption`
cost/<dataset>.csv                      `cost`
docs/search/<dataset>/<method>.csv          `search`
combination/<dataset>/<a>+<b>.json, .npy    `combine`
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import FAMILIES
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.storage.reading import open_regular, read_array
from visbase.pipeline.storage.tables import read_rows

CURVE = (
    "method",
    "family",
    "n_train",
    "seed",
    "n_errors",
    "n_test",
    "validation",  # errors of each candidate on the held-out images, and their number
    "changes",  # of the chosen candidate
    "fit_s",  # of the last fit
    "seconds",  # choosing, fitting and scoring
    "source",  # of SOURCES; "record" for a point of the comparison table
    "commit",
    "config",
)
CORRUPTION = (
    "method",
    "family",
    "corruption",
    "level",
    "strength",
    "n_errors",
    "n_test",
    "model",  # begin of the model file's SHA-256
    "commit",
)
SOURCES = ("curve", "record")
CLEAN, OTHER_HAND = "none", "other hand"  # beside the kinds of corruption, level 0
COST = (
    "method",
    "family",
    "n_errors",
    "n_test",
    "fit_s",
    "cpu_s",  # processor seconds of the whole run, all cores together
    "one_us",  # an image alone, median
    "batch_us",  # an image of a batch of BATCH, median
    "model_bytes",
    "peak_rss_mb",
    "n_parameters",
    "cpu",
    "n_cores",
    "commit",
)
BATCH = 1000  # images
SEARCH = (
    "changes",  # from the full preset
    "error_pct",
    "n_errors",
    "n_validation",
    "n_train",
    "seed",
    "fit_s",
    "commit",
    "config",
)
POINT = {  # table -> what no two of its rows have in common
    CURVE: ("n_train", "seed"),
    CORRUPTION: ("corruption", "level"),
    COST: ("method",),
    SEARCH: ("config", "seed", "n_train"),
}
COUNTS = {  # columns of whole numbers, and the least
    "n_train": 1,
    "seed": 0,
    "n_errors": 0,
    "n_test": 1,
    "n_validation": 1,
    "level": 0,
    "model_bytes": 1,
    "n_parameters": 0,
    "n_cores": 1,
}
MEASURES = ("fit_s", "seconds", "cpu_s", "one_us", "batch_us", "peak_rss_mb")
TOGETHER = ("weighted sum", "stacked")  # answers of two methods
_WHOLE = re.compile(r"0|[1-9]\d{0,14}", re.ASCII)  # each number in one way only
_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,15})?", re.ASCII)
UNSOUND = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
)


@dataclass(frozen=True)
class Combination:
    """Answers of two methods and of both together to the test images.

    weight: of the first one's scores in the sum; validation: errors on n_validation
    held-out images by name; answers: labels (n_test,) by name; revision: of the code.
    """

    methods: tuple[str, str]
    weight: float
    n_validation: int
    validation: dict[str, int]
    truth: NDArray[np.int64]
    answers: dict[str, NDArray[np.int64]]
    revision: str


def is_committed(revision: str) -> bool:
    """Whether a revision, see `provenance`, names all of the code."""
    return revision != "" and not revision.endswith("+")


def measured_table(folder: Path, method: str, dataset: Dataset) -> Path:
    """<folder>/<dataset>/<method>.csv, where a method's measurements belong.

    Images that are not published may change: their fingerprint is in the name.
    """
    mark = "" if dataset.published else f"-{dataset.fingerprint[:12]}"
    return folder / dataset.name / f"{method}{mark}.csv"


def read_measurements(table: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file of the columns; BadInput for what nobody can have measured."""
    rows = read_rows(table, columns)
    owner = table.stem.partition("-")[0]  # a fingerprint may follow
    lines: dict[tuple[str, ...], int] = {}
    for line, row in enumerate(rows, 2):
        for name, value in row.items():
            fault = _fault(name, value, row)
            if name == "method" and columns != COST and value != owner:
                fault = f"{owner}, after which the file is named"
            if fault:
                raise BadInput(
                    f"{printable(table)}: line {line}: {name} is {value[:60]!r}, "
                    f"expected {fault}; restore or remove it"
                )
        point = tuple(row[name] for name in POINT[columns])
        if lines.setdefault(point, line) != line:
            raise BadInput(
                f"{printable(table)}: line {line}: measured the same as line "
                f"{lines[point]}; remove one of them"
            )
    return rows


def _fault(name: str, value: str, row: dict[str, str]) -> str:
    """What was expected of a value, nothing where it may stand there."""
    if name in ("config", "changes") and not _is_object(value):
        return "settings as a JSON object"
    if name == "source" and value not in SOURCES:
        return f"one of {', '.join(SOURCES)}"
    if name == "family" and value not in FAMILIES.values():
        return f"one of {', '.join(sorted(set(FAMILIES.values())))}"
    if name in MEASURES and not _DECIMAL.fullmatch(value):
        return "a number"
    if name in COUNTS:
        if not _WHOLE.fullmatch(value) or int(value) < COUNTS[name]:
            return f"a whole number from {COUNTS[name]} on, in plain digits"
        if name in ("n_test", "n_validation") and int(value) < int(row["n_errors"]):
            return f"at least its {row['n_errors']} errors"
    return ""


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def read_combination(path: Path) -> Combination:
    """A combination from its JSON and the array beside it; BadInput where unsound.

    The array has truth and answers, (1 + answers, n_test), in the JSON's order.
    """
    try:
        with open_regular(path) as file:
            facts = json.loads(file.read().decode())
        both = read_array(path.with_suffix(".npy"))
        labels = both.dtype.kind in "iu" and both.ndim == 2 and both.size > 0
        if not labels or both.min() < 0:
            raise ValueError(f"its array has {both.dtype} of shape {both.shape}")
        truth, *answers = both
        first, second = facts["methods"]
        own = (first, second, *TOGETHER)
        validated = {*facts["validation_errors"]} >= {*own[:3]}
        if (*facts["answers"],) != own or not validated:
            raise ValueError(f"expected the answers {', '.join(own)}")
        weight, n = facts["weight"], facts["n_validation"]
        errors = dict(facts["validation_errors"])
        if any(type(count) is not int for count in (n, *errors.values())):
            raise ValueError(f"{errors} errors of {n}: expected whole numbers")
        in_range = all(0 <= v <= n for v in errors.values())
        if type(weight) not in (int, float) or not 0 <= weight <= 1 or not in_range:
            raise ValueError(f"weight {weight}, {errors} errors of {n}")
        if path.stem != f"{first}+{second}" or first == second:
            raise ValueError(f"it is of {first} and {second}; moved?")
        return Combination(
            (str(first), str(second)),
            weight,
            n,
            errors,
            truth.astype(np.int64),
            dict(zip(facts["answers"], answers, strict=True)),
            str(facts["commit"] or ""),
        )
    except UNSOUND as error:
        raise BadInput(f"{path}: not a sound combination ({error})") from None
