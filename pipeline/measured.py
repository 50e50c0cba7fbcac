"""What the measurements beyond the table leave on disk, for those who read it.

curves/<dataset>/<method>.csv           `curve` writes it
damage/<dataset>/<method>.csv           `damage`
cost/<dataset>.csv                      `cost`
combination/<dataset>/<a>+<b>.json, .npy    `combine`
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.array_file import read_array
from pipeline.csv_table import read_rows
from pipeline.errors import BadInput
from pipeline.methods import FAMILIES

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
    "source",  # "curve", or "record" for a point of the comparison table
    "commit",
    "config",
)
DAMAGE = (
    "method",
    "family",
    "damage",
    "level",
    "strength",
    "n_errors",
    "n_test",
    "model",  # begin of the model file's SHA-256
    "commit",
)
CLEAN, OTHER_HAND = "none", "other hand"  # beside the kinds of damage, level 0
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
COUNTS = {  # columns of whole numbers, and the least
    "n_train": 1,
    "seed": 0,
    "n_errors": 0,
    "n_test": 1,
    "level": 0,
    "model_bytes": 1,
    "n_parameters": 0,
    "n_cores": 1,
}
MEASURES = ("fit_s", "seconds", "cpu_s", "one_us", "batch_us", "peak_rss_mb")
TOGETHER = ("weighted sum", "stacked")  # answers of two methods
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,15})?", re.ASCII)
UNSOUND = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True)
class Combination:
    """Answers of two methods and of both together to the test images.

    weight: of the first one's scores in the sum; validation: errors on n_validation
    held-out images by name; answers: labels (n_test,) by name.
    """

    methods: tuple[str, str]
    weight: float
    n_validation: int
    validation: dict[str, int]
    truth: NDArray[np.int64]
    answers: dict[str, NDArray[np.int64]]


def read_measurements(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file of the columns; BadInput for what nobody can have measured."""
    rows = read_rows(table, columns)
    for line, row in enumerate(rows, 2):
        for name, value in row.items():
            fault = _fault(name, value, row)
            if fault:
                raise BadInput(
                    f"{table}: line {line}: {name} is {value!r}, expected {fault}; "
                    "restore or remove it"
                )
    return rows


def _fault(name: str, value: str, row: dict[str, str]) -> str:
    """What was expected of a value, nothing where it may stand there."""
    if name == "family" and value not in FAMILIES.values():
        return f"one of {', '.join(sorted(set(FAMILIES.values())))}"
    if name in MEASURES and not _DECIMAL.fullmatch(value):
        return "a number"
    if name in COUNTS:
        if not _WHOLE.fullmatch(value) or int(value) < COUNTS[name]:
            return f"a whole number from {COUNTS[name]} on"
        if name == "n_test" and int(value) < int(row["n_errors"]):
            return f"at least its {row['n_errors']} errors"
    return ""


def read_combination(path: Path) -> Combination:
    """A combination from its JSON and the array beside it; BadInput where unsound.

    The array has truth and answers, (1 + answers, n_test), in the JSON's order.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        truth, *answers = read_array(path.with_suffix(".npy"))
        first, second = facts["methods"]
        own = (first, second, *TOGETHER)
        validated = {*facts["validation_errors"]} >= {*own[:3]}
        if (*facts["answers"],) != own or not validated:
            raise ValueError(f"expected the answers {', '.join(own)}")
        return Combination(
            (str(first), str(second)),
            float(facts["weight"]),
            int(facts["n_validation"]),
            {str(k): int(v) for k, v in facts["validation_errors"].items()},
            truth.astype(np.int64),
            dict(zip(facts["answers"], answers, strict=True)),
        )
    except UNSOUND as error:
        raise BadInput(f"{path}: not a sound combination ({error})") from None
