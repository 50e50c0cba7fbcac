"""The card of a saved model: what it is, what it was trained on, how good it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from visbase.pipeline.contracts import Images, Kind
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import sizes, stack
from visbase.pipeline.images.fingerprint import fingerprint
from visbase.pipeline.images.ground import LARGEST_SIDE, Ground, learn_ground
from visbase.pipeline.storage.reading import Count, Positive, in_words

FORMAT = 1  # of the model file; other formats are refused
Side = Annotated[int, Meta(ge=1, le=LARGEST_SIDE)]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a model file says about itself.

    kind: of images; classes: names in the order of the scores' columns; image_size:
    (height, width), None for photographs of any size; n_correct: of the test images,
    at the end of the run; pretrained: see `contracts.IsPretrained`; ground: the form of
    small grey training images other than digits, None if they have none in common;
    device: that trained it, "" if unknown.
    """

    format: int = FORMAT
    method: str
    preset: str
    config: dict[str, Any]
    seed: Count
    dataset: str
    kind: Kind
    classes: Annotated[list[str], Meta(min_length=1)]
    image_size: tuple[Side, Side] | None
    training_data_sha256: str
    n_train: Positive
    n_test: Positive
    n_correct: Count
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None
    started: str
    licence: str
    pretrained: dict[str, str] = {}
    ground: Ground | None = None
    device: str = ""

    def __post_init__(self) -> None:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class occurs twice")
        if self.kind == "digits" and self.image_size != (28, 28):
            raise ValueError("digits must be images of 28 x 28 pixels")
        if self.n_correct > self.n_test:
            raise ValueError(f"{self.n_correct} of {self.n_test} are correct")


def make_card(
    record: Mapping[str, Any],
    train: Split,
    dataset: Dataset,
    any_size: bool,
    licence: str,
) -> Card:
    """The card of the model that a run has fitted on `train`, part of the dataset.

    record: the facts of the run by name; any_size: whether the method takes photographs
    of any size.
    """
    facts = {name: record[name] for name in Card.__struct_fields__ if name in record}
    of_model: dict[str, Any] = {  # a record has the classes of the dataset
        "classes": [dataset.classes[label] for label in np.unique(train.labels)],
        "kind": dataset.kind,
        "image_size": (
            None if any_size and dataset.photographs else _common_size(train.images)
        ),
        "training_data_sha256": data_fingerprint(train),
        "licence": licence,
    }
    if dataset.kind == "objects" and of_model["image_size"] is not None:
        of_model["ground"] = learn_ground(stack(train.images))
    return Card(**facts | of_model)


def data_fingerprint(split: Split) -> str:
    """SHA-256 of images and labels."""
    return fingerprint({"images": split.images, "labels": split.labels})


def read_card(text: str) -> Card:
    """Decode the card in a model file's header; BadInput says which field is wrong."""
    try:
        version = msgspec.json.decode(text, type=dict).get("format")
        if version != FORMAT:
            raise BadInput(
                f"model format {str(version)[:20]}, this visbase reads format "
                f"{FORMAT}; use the version that wrote it, or run the method again "
                "with --save"
            )
        return msgspec.json.decode(text, type=Card)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"unsound card ({in_words(error)}); run again with --save"
        ) from None


def _common_size(images: Images) -> tuple[int, int] | None:
    """(height, width) if all images share it, else None."""
    distinct = np.unique(sizes(images), axis=0).tolist()
    return (distinct[0][0], distinct[0][1]) if len(distinct) == 1 else None
