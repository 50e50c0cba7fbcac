"""Classify image files with a saved model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import FloatArray, Images, Method, Refits, Resizes
from visbase.pipeline.datasets.photo_check import BLANK
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.batches import resized, shrink
from visbase.pipeline.images.blocks import one_thread
from visbase.pipeline.images.photo_files import PhotoFiles, decode, read_image
from visbase.pipeline.models.card import Card
from visbase.pipeline.models.file import Model
from visbase.pipeline.models.picture import write_picture

if TYPE_CHECKING:
    from visbase.pipeline.images.digit.page import Reading

Place = tuple[int | None, tuple[int, int, int, int] | None]  # line and box
UNKNOWN = "unknown"  # the label of an image that the model cannot tell
NOTHING = "nothing found to judge by"
NO_DIGIT = "no digit: unlike the training digits"
NO_PAGE = "no digit: unlike ink on paper"
SEEN_PX = 512  # longer side of a photograph, larger ones are shrunk to be shown
SHOWN_SIDE = 112  # pixels; smaller images are enlarged to about this side
GAP = 4  # pixels between shown images
PER_ROW = 10  # shown images


@dataclass(frozen=True)
class Prediction:
    """A model's answer for one image, or for one digit of an image.

    label: the likeliest class, or UNKNOWN; scores: by class, larger is likelier;
    probabilities: by class, None if the model is not calibrated; note: why there is
    nothing to judge by, or ""; ms: milliseconds from opening the file to the scores;
    model_input (h, w) or (h, w, 3): the image as the model sees it; a photograph
    from a file is shrunk to SEEN_PX; line: which line of the image a digit is in, from
    1; box: left, top, right, bottom of the digit in pixels of the image. Both are None
    where the model is none of digits.
    """

    file: str
    label: str
    scores: dict[str, float]
    probabilities: dict[str, float] | None
    note: str
    ms: float
    model_input: NDArray[np.uint8]
    line: int | None = None
    box: tuple[int, int, int, int] | None = None

    def ranked(self) -> list[str]:
        """Return the label and the classes, likeliest first; only UNKNOWN by a note."""
        if self.note:
            return [self.label]
        names = sorted(self.scores, key=lambda name: -self.scores[name])
        return names if names[0] == self.label else [self.label, *names]


def predict_file(
    model: Model,
    file: str,
    source: Path | IO[bytes],
    least: float = 0.0,
    single: bool = False,
    page: Page | None = None,
) -> list[Prediction]:
    """Classify the image read from `source`; `file` is the name to report it by.

    -> one prediction, or one per digit, from left to right in each line. The label is
    UNKNOWN if its probability is below `least`, if the image has no keypoint or is
    (nearly) of one level, or if it is no digit, by the model's novelty. An image in
    which half of the parts, or of their area, is no digit gives one prediction, which
    is UNKNOWN. Raises BadInput if the file is not an image, if the model is
    to know probabilities and does not, or if `single` and there are several digits.
    page: what `read_digits` found in the file, for several models to share.
    """
    started = time.perf_counter()
    images: Images
    if model.card.kind == "digits":
        with one_thread():  # more wait for each other longer than they work
            page = page or read_digits(file, source, single)
            notes = _no_digits(model, page)
        places, image, images = page.places, page.image, page.digits
        if all(notes):
            places, notes = [(None, None)], notes[:1]
    else:
        image, images, note = _read(file, source, model.card)
        places, notes = [(None, None)], [note]
    scores, found = _scores(model.classifier, images)
    ms = round(1000 * (time.perf_counter() - started), 2)
    if _is_blank(image):
        notes = [f"{NOTHING}: (nearly) blank"] * len(places)
    elif not found:
        notes = [f"{NOTHING}: no keypoint"] * len(places)
    probabilities = None
    if least or model.calibration is not None:
        probabilities = model.calibrated(scores)
    predictions = []
    for row, ((line, box), note) in enumerate(zip(places, notes, strict=True)):
        best = int(scores[row].argmax())
        likely = None if probabilities is None else probabilities[row].tolist()
        is_unknown = note or (likely and likely[best] < least)
        seen = shrink(image, SEEN_PX) if line is None else images[row]
        if isinstance(model.classifier, Resizes):  # networks shrink photographs
            seen = model.classifier.resize(seen)
        predictions.append(
            Prediction(
                file=file,
                label=UNKNOWN if is_unknown else model.classes[best],
                scores=_by_class(model, scores[row].astype(float).tolist()),
                probabilities=likely and _by_class(model, likely),
                note=note,
                ms=ms,
                model_input=seen,
                line=line,
                box=box,
            )
        )
    return predictions


def _no_digits(model: Model, page: Page) -> list[str]:
    """Why each of the n parts of a page is no digit, or ""."""
    if model.novelty is None:
        return [""] * len(page.places)
    if not page.is_paper:
        return [NO_PAGE] * len(page.places)
    is_novel = model.novelty.is_novel(page.digits)
    boxes = np.array([box for _, box in page.places])
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    if is_novel.mean() >= 0.5 or 2 * areas[is_novel].sum() >= areas.sum():
        is_novel[:] = True
    return [NO_DIGIT if novel else "" for novel in is_novel.tolist()]


def _by_class(model: Model, numbers: list[float]) -> dict[str, float]:
    return dict(zip(model.classes, numbers, strict=True))


@dataclass(frozen=True)
class Page:
    """An image (h, w[, 3]), where its n digits are, and the digits (n, 28, 28).

    is_paper: whether it looks like ink on paper.
    """

    places: list[Place]
    image: NDArray[np.uint8]
    digits: NDArray[np.uint8]
    is_paper: bool


def read_digits(file: str, source: Path | IO[bytes], single: bool = False) -> Page:
    """Find the digits of an image file; BadInput as in `predict_file`."""
    from visbase.pipeline.images.digit.page import read_page

    image = read_image(source)
    try:
        reading = read_page(image)
        if single:
            _only(reading)
    except BadInput as error:  # does not know the file's name
        raise BadInput(f"{printable(file)}: {error}") from None
    digits = [(at, digit) for at, line in enumerate(reading.lines, 1) for digit in line]
    places: list[Place] = [(at, digit.box) for at, digit in digits]
    found = np.stack([digit.image for _, digit in digits])
    return Page(places, image, found, reading.is_paper)


def _only(reading: Reading) -> NDArray[np.uint8]:
    """The only digit; BadInput if there are several."""
    n = sum(map(len, reading.lines))
    if n != 1:
        raise BadInput(f"expected one digit, found {n}; use an image of one digit")
    return reading.lines[0][0].image


def _read(
    file: str, source: Path | IO[bytes], card: Card
) -> tuple[NDArray[np.uint8], Images, str]:
    """The image for people to see, the one that the model gets, why it is unknown."""
    if card.image_size is not None:
        pixels = read_image(source)
        try:
            image, note = prepare(pixels, card), ""
        except BadInput as reason:
            image, note = _fitted(pixels, card.image_size), f"{NOTHING}: {reason}"
        return image, image[None], note
    if not isinstance(source, Path):
        image = prepare_file(file, source, card)
        return image, [image], ""
    # decoded at the scale that the model needs, as the photographs of its training were
    try:
        seen = decode(source, SEEN_PX)
    except BadInput as reason:
        raise BadInput(f"{printable(file)}: cannot be read: {reason}") from None
    return seen.pixels, PhotoFiles([source], np.array([seen.size]), [seen.digest]), ""


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

    The only digit is normalised like MNIST; BadInput if there are several. Other
    models with a fixed image size get an image of that size: what is in the picture is
    brought to the form of their training images, if these have one (`ground`), and else
    the middle of the picture is resized. Models of photographs get the image unchanged.
    Colour is kept.
    """
    if card.kind == "digits":
        from visbase.pipeline.images.digit.page import read_page

        return _only(read_page(image))
    if card.image_size is None:
        return image
    if card.ground is not None:
        from visbase.pipeline.images.ground import bring_to

        return bring_to(image, card.image_size, card.ground)
    return _fitted(image, card.image_size)


def _fitted(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize the largest part in the middle that has the shape of the size (h, w)."""
    height, width = image.shape[:2]
    unit = min(height / size[0], width / size[1])
    down, across = (max(round(unit * side), 1) for side in size)
    top, left = (height - down) // 2, (width - across) // 2
    middle = image[top : top + down, left : left + across]
    return resized([middle], *size, channels=1 if image.ndim == 2 else 3)[0]


def show(images: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Write n images as one picture, PER_ROW side by side; BadInput if that fails."""
    pictures = []
    for pixels in images:
        rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        times = max(1, SHOWN_SIDE // max(rgb.shape[:2]))
        pictures.append(rgb.repeat(times, axis=0).repeat(times, axis=1))
    rows = [pictures[at : at + PER_ROW] for at in range(0, len(pictures), PER_ROW)]
    widths = [sum(picture.shape[1] + GAP for picture in row) - GAP for row in rows]
    height = sum(max(map(len, row)) + GAP for row in rows) - GAP
    sheet = np.full((height, max(widths), 3), 255, np.uint8)
    top = 0
    for row in rows:
        left = 0
        for picture in row:
            down, across = picture.shape[:2]
            sheet[top : top + down, left : left + across] = picture
            left += across + GAP
        top += max(map(len, row)) + GAP
    write_picture(sheet, path)
