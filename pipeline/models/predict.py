"""Classify single image files with a saved model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Resizes
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.batches import resized
from visbase.pipeline.images.photo_files import read_image
from visbase.pipeline.models.card import Card
from visbase.pipeline.models.file import Model
from visbase.pipeline.storage.atomic import write_named

SHOWN_SIDE = 112  # pixels; smaller images are enlarged to about this side
GAP = 4  # pixels between shown images


@dataclass(frozen=True)
class Prediction:
    """A model's answer for one image.

    scores: by class, larger is likelier; ms: milliseconds from opening the file to the
    scores; model_input (h, w) or (h, w, 3): the image as the model sees it.
    """

    file: str
    scores: dict[str, float]
    ms: float
    model_input: NDArray[np.uint8]

    def ranked(self) -> list[tuple[str, float]]:
        """Return classes and scores, likeliest first."""
        return sorted(self.scores.items(), key=lambda item: -item[1])


def predict_file(model: Model, file: str, source: Path | IO[bytes]) -> Prediction:
    """Classify the image read from `source`; `file` is the name to report it by."""
    started = time.perf_counter()
    image = prepare_file(file, source, model.card)
    fixed = model.card.image_size is not None
    scores = model.classifier.scores(image[None] if fixed else [image])[0]
    ms = 1000 * (time.perf_counter() - started)
    by_class = dict(zip(model.card.classes, map(float, scores), strict=True))
    if isinstance(model.classifier, Resizes):  # networks shrink photographs
        image = model.classifier.resize(image)
    return Prediction(file, by_class, round(ms, 2), image)


def prepare_file(file: str, source: Path | IO[bytes], card: Card) -> NDArray[np.uint8]:
    """Read an image file and prepare it for a model; BadInput names the file."""
    pixels = read_image(source)
    try:
        return prepare(pixels, card)
    except BadInput as error:  # `prepare` does not know the file's name
        raise BadInput(f"{printable(file)}: {error}") from None


def prepare(image: NDArray[np.uint8], card: Card) -> NDArray[np.uint8]:
    """Prepare an image (h, w) or (h, w, 3) for the model that the card describes.

    Digits are normalised like MNIST. Other models with a fixed image size get an image
    of that size; models of photographs get the image unchanged. Colour is kept.
    """
    if card.kind == "digits":
        from visbase.pipeline.images.digit.normalise import normalise_digit

        return normalise_digit(image)
    if card.image_size is None:
        return image
    return resized([image], *card.image_size, channels=1 if image.ndim == 2 else 3)[0]


def to_table(predictions: Sequence[Prediction]) -> str:
    """Format as aligned columns: image, label, score, runner-up, its score, ms."""
    rows = [("image", "label", "score", "runner-up", "score", "ms")]
    for prediction in predictions:
        best, *others = prediction.ranked()
        second = (
            (printable(others[0][0]), f"{others[0][1]:.4g}") if others else ("", "")
        )
        rows.append(
            (
                printable(prediction.file),
                printable(best[0]),
                f"{best[1]:.4g}",
                *second,
                f"{prediction.ms:.1f}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = "<<><>>"  # numbers to the right
    return "\n".join(
        "  ".join(
            f"{cell:{side}{width}}"
            for cell, side, width in zip(row, aligned, widths, strict=True)
        )
        for row in rows
    )


def to_json(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Return one object per image: file, label, scores by class, ms."""
    return [
        {
            "file": prediction.file,
            "label": prediction.ranked()[0][0],
            "scores": prediction.scores,
            "ms": prediction.ms,
        }
        for prediction in predictions
    ]


def show(predictions: Sequence[Prediction], path: Path) -> None:
    """Write the model inputs side by side as one PNG; BadInput if that fails."""
    from PIL import Image

    pictures = []
    for prediction in predictions:
        pixels = prediction.model_input
        rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        times = max(1, SHOWN_SIDE // max(rgb.shape[:2]))
        pictures.append(rgb.repeat(times, axis=0).repeat(times, axis=1))
    height = max(map(len, pictures))
    width = sum(picture.shape[1] + GAP for picture in pictures) - GAP
    strip = np.full((height, width, 3), 255, np.uint8)
    left = 0
    for picture in pictures:
        strip[: len(picture), left : left + picture.shape[1]] = picture
        left += picture.shape[1] + GAP
    with write_named(path) as file:
        Image.fromarray(strip).save(file, format="PNG")
