"""The card of a saved model: what it is, what it was trained on, how good it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import NoneType
from typing import Any

import numpy as np

from visbase.pipeline.contracts import KINDS, Images
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import sizes
from visbase.pipeline.images.fingerprint import fingerprint

FORMAT = 1  # of the model file; a file of another one is refused

FIELDS: dict[str, tuple[type, ...]] = {
    "format": (int,),
    "method": (str,),
    "preset": (str,),
    "config": (dict,),
    "seed": (int,),
    "dataset": (str,),
    "kind": (str,),  # of images, see `contracts.KINDS`
    "classes": (list,),  # names, in the order of the scores' columns
    "image_size": (list, NoneType),  # [height, width], null: photographs of any size
    "training_data_sha256": (str,),
    "n_train": (int,),
    "n_test": (int,),
    "n_correct": (int,),  # of the test images, at the end of the run
    "versions": (dict,),
    "commit": (str, NoneType),
    "dirty": (bool, NoneType),
    "started": (str,),
    "licence": (str,),
}
LARGEST_SIDE = 4096  # pixels of a training image that a model may ask for


def make_card(
    record: Mapping[str, Any],
    train: Split,
    dataset: Dataset,
    any_size: bool,
    licence: str,
) -> dict[str, Any]:
    """The card of the model that a run has fitted on `train`, part of the data set.

    record: the run's facts by name; any_size: whether the method takes
    photographs as they are.
    """
    as_they_are = any_size and dataset.photographs
    facts = {name: record[name] for name in FIELDS if name in record}
    return {
        "format": FORMAT,
        **facts,
        "classes": [dataset.classes[label] for label in np.unique(train.labels)],
        "kind": dataset.kind,
        "image_size": None if as_they_are else _common_size(train.images),
        "training_data_sha256": data_fingerprint(train),
        "licence": licence,
    }


def data_fingerprint(split: Split) -> str:
    """SHA-256 of images and labels."""
    return fingerprint({"images": split.images, "labels": split.labels})


def read_card(text: str) -> dict[str, Any]:
    """The card in a model file's header; BadInput says which field is wrong."""
    try:
        card = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"its card is not JSON ({error})") from None
    version = card.get("format") if isinstance(card, dict) else None
    if version != FORMAT:
        raise BadInput(
            f"model format {json.dumps(version)[:20]}, this visbase reads format "
            f"{FORMAT}: use the version that wrote it, or run the method again with "
            "--save"
        )
    if "kind" not in card:  # written before there were kinds
        card["kind"] = "digits" if card.get("dataset") == "mnist" else "objects"
    for name, kinds in FIELDS.items():
        if name not in card or type(card[name]) not in kinds:
            found = json.dumps(card.get(name))[:40]
            raise BadInput(f"its card has no sound field {name!r}, found {found}")
    if not card["classes"] or not all(map(_is_name, card["classes"])):
        raise BadInput("its card's field 'classes' is not a list of names")
    if len(set(card["classes"])) < len(card["classes"]):
        raise BadInput("its card's field 'classes' has a name twice")
    if card["kind"] not in KINDS:
        raise BadInput(f"its card's field 'kind' is none of {', '.join(KINDS)}")
    if card["kind"] == "digits" and card["image_size"] != [28, 28]:
        raise BadInput("its card says digits, but not images of 28 x 28 pixels")
    if card["image_size"] is not None and not _is_size(card["image_size"]):
        raise BadInput(
            "its card's field 'image_size' is neither null nor [height, width] up to "
            f"{LARGEST_SIDE}"
        )
    return card


def _is_name(value: object) -> bool:
    """Text that can be printed: no half of a surrogate pair."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode()


def _is_size(value: list[Any]) -> bool:
    return len(value) == 2 and all(
        type(side) is int and 1 <= side <= LARGEST_SIDE for side in value
    )


def _common_size(images: Images) -> list[int] | None:
    """[height, width] where all images have it; None where their sizes differ."""
    found = np.unique(sizes(images), axis=0).tolist()
    return found[0] if len(found) == 1 else None
