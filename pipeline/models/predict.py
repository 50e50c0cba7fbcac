"""Classify single image files with a saved model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import FloatArray, Images, Method, Refits, Resizes
from visbase.pipeline.datasets.photo_check import BLANK
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.batches import resized
from visbase.pipeline.images.photo_files import PhotoFiles, decode, read_image
from visbase.pipeline.models.card import Card
from visbase.pipeline.models.file import Model
from visbase.pipeline.storage.atomic import write_named

UNKNOWN = "unknown"  # the label of an image that the model cannot tell
NOTHING = "nothing found to judge by"
SEEN_PX = 512  # longer side of a photograph, larger ones are shrunk to be shown
SHOWN_SIDE = 112  # pixels; smaller images are enlarged to about this side
GAP = 4  # pixels between shown images


@dataclass(frozen=True)
class Prediction:
    """A model's answer for one image.

    label: the likeliest class, or UNKNOWN; scores: by class, larger is likelier;
    probabilities: by class, None if the model is not calibrated; note: why there is
    nothing to judge by, or ""; ms: milliseconds from opening the file to the scores;
    model_input (h, w) or (h, w, 3): the image as the model sees it; a photograph
    from a file is shrunk to SEEN_PX.
    """

    file: str
    label: str
    scores: dict[str, float]
    probabilities: dict[str, float] | None
    note: str
    ms: float
    model_input: NDArray[np.uint8]

    def ranked(self) -> list[str]:
        """Return the label and the classes, likeliest first; only UNKNOWN by a note."""
        if self.note:
            return [self.label]
        names = sorted(self.scores, key=lambda name: -self.scores[name])
        return names if names[0] == self.label else [self.label, *names]


def predict_file(
    model: Model, file: str, source: Path | IO[bytes], least: float = 0.0
) -> Prediction:
    """Classify the image read from `source`; `file` is the name to report it by.

    The label is UNKNOWN if its probability is below `least`, or if the image has no
    keypoint or is (nearly) of one level. Raises BadInput if the file is not an image,
    or if the model is to know probabilities and does not.
    """
    started = time.perf_counter()
    image, images = _read(file, source, model.card)
    scores, found = _scores(model.classifier, images)
    ms = 1000 * (time.perf_counter() - started)
    if _is_blank(image):
        note = f"{NOTHING}: (nearly) one level"
    else:
        note = "" if found else f"{NOTHING}: no keypoint"
    best, probabilities = int(scores.argmax()), None
    if least or model.calibration is not None:
        (row,) = model.calibrated(scores)
        probabilities = dict(zip(model.classes, row.tolist(), strict=True))
    is_unknown = note or (probabilities and probabilities[model.classes[best]] < least)
    if isinstance(model.classifier, Resizes):  # networks shrink photographs
        image = model.classifier.resize(image)
    return Prediction(
        file=file,
        label=UNKNOWN if is_unknown else model.classes[best],
        scores=dict(zip(model.classes, scores[0].astype(float).tolist(), strict=True)),
        probabilities=probabilities,
        note=note,
        ms=round(ms, 2),
        model_input=image,
    )


def _read(
    file: str, source: Path | IO[bytes], card: Card
) -> tuple[NDArray[np.uint8], Images]:
    """The image for people to see, and the one image that the model gets."""
    if card.image_size is not None:
        image = prepare_file(file, source, card)
        return image, image[None]
    if not isinstance(source, Path):
        image = prepare_file(file, source, card)
        return image, [image]
    # decoded at the scale that the model needs, as the photographs of its training were
    try:
        seen = decode(source, SEEN_PX)
    except BadInput as reason:
        raise BadInput(f"{printable(file)}: cannot be read: {reason}") from None
    return seen.pixels, PhotoFiles([source], np.array([seen.size]), [seen.digest])


def _scores(classifier: Method, images: Images) -> tuple[FloatArray, bool]:
    """Scores (1, C) of one image, and whether any feature of it is not zero."""
    if not isinstance(classifier, Refits):
        return classifier.scores(images), True
    features = classifier.features(images)
    return classifier.scores_of(features), bool(features.any())


def _is_blank(image: NDArray[np.uint8]) -> bool:
    import cv2  # slow to import, and many commands do not need it

    return float(cv2.meanStdDev(image)[1].max()) <= BLANK


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


def show(images: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Write n images side by side as one PNG; BadInput if that fails."""
    from PIL import Image

    pictures = []
    for pixels in images:
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
