"""Measurements beyond the table: what their files hold, checked when they are read.

curves/<dataset>/<method>.csv               written by `curve`
corruption/<dataset>/<method>.csv           `corruption`
cost/<dataset>.csv                          `cost`
layers/<dataset>/<method>.csv               `python -m visbase.cnn.inspection.tables`
layers/imagenet.csv                         the same; the lecture's networks
artifacts/evaluations.csv                   `evaluate`
demonstrations/<dataset>/*.csv              `make lecture`, see `demonstrations`
docs/search/<dataset>/<method>.csv          `search`
combination/<dataset>/<a>+<b>.json, .npy    `combine`
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from visbase.pipeline.contracts import Family
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.storage.reading import (
    Amount,
    Count,
    Positive,
    read_array,
    read_json,
)
from visbase.pipeline.storage.tables import Row, Settings, read_rows

CLEAN, OTHER_HAND = "none", "other hand"  # beside the kinds of corruption, level 0
BATCH = 1000  # images
COMBINED = ("weighted sum", "stacked")  # answers of two methods

M = TypeVar("M", bound=Row)


class Measured(Row, frozen=True, kw_only=True):
    """A row that counts the errors among n_test, or n_validation, images."""

    def __post_init__(self) -> None:
        n_images: int = getattr(self, "n_test", 0) or getattr(self, "n_validation", 0)
        _check_errors(getattr(self, "n_errors", 0), n_images)


def _check_errors(n_errors: int, n_images: int) -> None:
    if n_errors > n_images:
        raise ValueError(f"{n_errors} errors among {n_images} images")


class CurvePoint(Measured, frozen=True, kw_only=True):
    """Test errors after training on n_train images, `seed` choosing them."""

    KEY = ("n_train", "seed")
    method: str
    family: Family
    n_train: Positive
    seed: Count
    n_errors: Count
    n_test: Positive
    validation: str  # errors of each candidate on held-out images, and their number
    changes: Settings  # of the chosen candidate from the full preset
    fit_s: Amount  # of the last fit
    seconds: Amount  # to choose, fit and score
    source: Literal["curve", "record", "record, GPU"]  # the last two: a row's record
    commit: str
    config: Settings


class CorruptionErrors(Measured, frozen=True, kw_only=True):
    """Errors of a saved model on corrupted test images."""

    KEY = ("corruption", "level")
    method: str
    family: Family
    corruption: str
    level: Count
    strength: str
    n_errors: Count
    n_test: Positive
    model: str  # the first digits of the model file's SHA-256
    commit: str


class Cost(Measured, frozen=True, kw_only=True):
    """What a method costs, refitted and timed in its own process."""

    KEY = ("method",)
    method: str
    family: Family
    n_errors: Count
    n_test: Positive
    fit_s: Amount
    cpu_s: Amount  # processor seconds of the whole run, all cores together
    one_us: Amount  # per image, one at a time; median
    batch_us: Amount  # per image, in batches of BATCH; median
    model_bytes: Positive
    peak_rss_mb: Amount
    n_parameters: Count
    cpu: str
    n_cores: Positive
    commit: str


class NetworkLayer(Row, frozen=True, kw_only=True):
    """A layer of a network: shape and receptive field of its output.

    A method of several networks has the layers of one of them. height and width are 1
    if the layer is fully connected, all three are 0 if it is no layer of its own.
    """

    KEY = ("number",)
    method: str
    number: Count
    layer: str
    maps: Count
    height: Count
    width: Count
    n_parameters: Count
    field_px: Count  # side of the square that an output sees; 0: the whole image
    n_networks: Positive
    shortcut: Count  # how many layers back is the output that is added; 0: none


class ImageNetNetwork(Row, frozen=True, kw_only=True):
    """A network of the lecture's ImageNet table, and the errors published for it."""

    KEY = ("network",)
    network: str
    year: Positive
    n_layers: Positive  # with weights, on the longest way from the image to the logits
    n_parameters: Positive
    multiply_adds: Positive  # for one image
    activation_bytes: Positive  # float32: image and outputs of its layers, one image
    field_px: Positive  # side of the square that an output of the last map sees
    side_px: Positive  # of the image
    top1_error_pct: Amount  # of a single model, validation images; 0: not in the source
    top5_error_pct: Amount
    source: str


class ImageNetErrors(Row, frozen=True, kw_only=True):
    """The last evaluation of a network on ImageNet's photographs."""

    KEY = ("network",)
    network: str
    crops: Literal["middle crop", "ten crops"]
    n_photographs: Positive
    n_wrong_1: Count  # whose class was not the most probable
    n_wrong_5: Count
    weights: str  # SHA-256


class Trial(Measured, frozen=True, kw_only=True):
    """Validation errors of a method with some settings."""

    KEY = ("config", "seed", "n_train")
    changes: Settings  # from the full preset
    error_pct: Amount
    n_errors: Count
    n_validation: Positive
    n_train: Positive
    seed: Count
    fit_s: Amount
    commit: str
    config: Settings


def is_committed(revision: str) -> bool:
    """Whether a revision, see `provenance`, names all of the code."""
    return revision != "" and not revision.endswith("+")


def measured_table(folder: Path, method: str, dataset: Dataset) -> Path:
    """<folder>/<dataset>/<method>.csv, the place of a method's measurements.

    Unpublished images may change: their fingerprint is part of the name.
    """
    mark = "" if dataset.published else f"-{dataset.fingerprint[:12]}"
    return folder / dataset.name / f"{method}{mark}.csv"


def read_measurements(table: Path, kind: type[M]) -> list[M]:
    """`read_rows`; BadInput also if a row is of another method than the file."""
    rows = read_rows(table, kind)
    owners = (table.stem.rpartition("-")[0], table.stem)  # a fingerprint may follow
    for row in rows:
        method = getattr(row, "method", table.stem)
        if method not in owners and "method" not in kind.KEY:
            raise BadInput(
                f"{printable(table)}: holds a row of {printable(method)}; expected "
                f"rows of {owners[0] or owners[1]}, as the file is named"
            )
    return rows


class CombinationFacts(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The JSON of a combination; the array beside it has truth and answers.

    weight: of the first method's scores in the weighted sum; validation_errors: on
    n_validation held-out images, by answer; answers: their names, in the array's order.
    """

    methods: tuple[str, str]
    weight: Annotated[float, Meta(ge=0, le=1)]
    n_validation: Positive
    validation_errors: dict[str, Count]
    answers: list[str]
    commit: str

    def __post_init__(self) -> None:
        names = (*self.methods, *COMBINED)
        if (*self.answers,) != names or self.methods[0] == self.methods[1]:
            raise ValueError(f"expected the answers {', '.join(names)}")
        if not {*names[:3]} <= {*self.validation_errors}:
            raise ValueError(f"expected validation errors of {', '.join(names[:3])}")
        for n_errors in self.validation_errors.values():
            _check_errors(n_errors, self.n_validation)


@dataclass(frozen=True)
class Combination:
    """Answers of two methods and of both combined to the test images.

    truth (n_test,) labels; answers: labels (n_test,) by name.
    """

    facts: CombinationFacts
    truth: NDArray[np.int64]
    answers: dict[str, NDArray[np.int64]]


def read_combination(path: Path) -> Combination:
    """Read a combination from its JSON and the array beside it; BadInput if unsound.

    The array has truth and answers, (1 + answers, n_test), in the JSON's order.
    """
    facts = read_json(path, CombinationFacts, "combination")
    beside = path.with_suffix(".npy")
    array = read_array(beside)
    shape = (1 + len(facts.answers), array.shape[-1] if array.ndim else 0)
    if array.dtype.kind not in "iu" or array.shape != shape or not (array >= 0).all():
        raise BadInput(
            f"{beside}: expected labels of shape (5, n_test), found {array.dtype} of "
            f"shape {array.shape}; run `visbase combine` again"
        )
    if path.stem != "+".join(facts.methods):
        raise BadInput(f"{path}: combines {' and '.join(facts.methods)}; was it moved?")
    truth, *answers = array.astype(np.int64)
    return Combination(facts, truth, dict(zip(facts.answers, answers, strict=True)))
