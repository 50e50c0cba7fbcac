"""Single image files to labels, by a model that was saved."""

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
from visbase.pipeline.images.batches import to_grey
from visbase.pipeline.images.photo_files import read_image
from visbase.pipeline.models.card import Card
from visbase.pipeline.models.file import Model
from visbase.pipeline.storage.atomic import write_named

SHOWN_SIDE = 112  # pixels; smaller images are enlarged to about this side
GAP = 4  # pixels between shown images


@dataclass(frozen=True)
class Prediction:
    """Scores of one image by class, larger is likelier; what the model saw of it.

    ms: milliseconds from the file to the scores.
    """

    file: str
    scores: dict[str, float]
    ms: float
    seen: NDArray[np.uint8]

    def ranked(self) -> list[tuple[str, float]]:
        """Classes and scores, the likeliest first."""
        return sorted(self.scores.items(), key=lambda item: -item[1])


def predict_file(model: Model, file: str, source: Path | IO[bytes]) -> Prediction:
    """Label one image; file: its name for the answer; source: where it is read from."""
    started = time.perf_counter()
    image = prepare_file(file, source, model.card)
    fixed = model.card.image_size is not None
    scores = model.classifier.scores(image[None] if fixed else [image])[0]
    ms = 1000 * (time.perf_counter() - started)
    by_class = dict(zip(model.card.classes, map(float, scores), strict=True))
    classifier = model.classifier  # networks shrink photographs
    seen = classifier.resize(image) if isinstance(classifier, Resizes) else image
    return Prediction(file, by_class, round(ms, 2), seen)


def prepare_file(file: str, source: Path | IO[bytes], card: Card) -> NDArray[np.uint8]:
    """What a model gets to see of an image file; BadInput names the file."""
    pixels = read_image(source)
    try:
        return prepare(pixels, card)
    except BadInput as error:  # which does not know the file
        raise BadInput(f"{printable(file)}: {error}") from None


def prepare(image: NDArray[np.uint8], card: Card) -> NDArray[np.uint8]:
    """What a model gets to see of an image (h, w) or (h, w, 3).

    Digits are normalised as MNIST's were; models of images of one size get that size,
    in grey; models of photographs the image as it is.
    """
    if card.kind == "digits":
        from visbase.pipeline.images.digit.normalise import normalise_digit

        return normalise_digit(image)
    if card.image_size is None:
        return image
    height, width = card.image_size
    grey = to_grey(image[None])[0]
    if grey.shape == (height, width):
        return grey
    import cv2

    # averages areas where the image shrinks
    resized: NDArray[np.uint8] = cv2.resize(
        grey, (width, height), interpolation=cv2.INTER_AREA
    )
    return resized


def to_table(predictions: Sequence[Prediction]) -> str:
    """Aligned columns: image, label and score, the runner-up and its score, ms."""
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
    """One object an image: file, label, scores by class, ms."""
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
    """Write what the model saw as one picture, side by side; BadInput if it cannot."""
    from PIL import Image

    pictures = []
    for prediction in predictions:
        seen = prediction.seen
        rgb = seen if seen.ndim == 3 else np.repeat(seen[..., None], 3, axis=2)
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
