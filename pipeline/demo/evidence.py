"""The evidence for an answer: keypoints, words, saliency and feature maps as pictures.

Pictures are those of `visbase explain`; visual words are told by the patches that they
describe in this image (Sivic & Zisserman 2003, figure 2).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import DrawsLayers, Evidence, Explains, Image
from visbase.pipeline.images.batches import to_grey
from visbase.pipeline.images.photo_files import read_image
from visbase.pipeline.models.explain import draw_evidence
from visbase.pipeline.models.file import Model
from visbase.pipeline.models.predict import Prediction, prepare_file

N_KEYPOINTS = 60  # strongest, drawn as circles
N_WORDS = 4  # strongest of each class
PATCH_PX = 48


@runtime_checkable
class NamesWords(Protocol):
    """A bag that tells the nearest visual word of each keypoint."""

    def words(self, image: Image) -> NDArray[np.int64]: ...  # (N,), as in `Evidence`


@dataclass(frozen=True)
class Word:
    """A visual word: its number, keypoints here, their sum and their mean patch."""

    number: int
    n_keypoints: int
    contribution: float
    patch: NDArray[np.uint8]


@dataclass(frozen=True)
class Circle:
    """A keypoint on a picture of width and height 100: centre, radius, -1 to 1."""

    x: float
    y: float
    rx: float
    ry: float
    weight: float


@dataclass(frozen=True)
class Exhibits:
    """What spoke for an answer, and what for its runner-up.

    heat, layers: pictures (h, w[, 3]); seen: the image that circles lie on; words: of
    the winner, then of the runner-up.
    """

    winner: str
    runner_up: str
    heat: NDArray[np.uint8]
    seen: NDArray[np.uint8]
    circles: Sequence[Circle]
    words: Sequence[tuple[str, Sequence[Word]]]
    layers: Sequence[NDArray[np.uint8]]


def exhibits(model: Model, prediction: Prediction, path: Path) -> Exhibits | None:
    """Gather the evidence for a prediction; None if the method cannot explain itself.

    path: the image file, which the prediction is of.
    """
    classifier, classes = model.classifier, model.classes
    if prediction.note or not isinstance(classifier, Explains):
        return None
    if model.card.kind == "digits":  # which the prediction has found on the page
        prepared = prediction.model_input
    else:
        prepared = prepare_file(prediction.file, path, model.card)
    seen, evidence = classifier.explain(prepared)
    with tempfile.TemporaryDirectory() as folder:
        heat = Path(folder) / "heat.png"
        draw_evidence(seen, evidence, classes, heat)
        layers = []
        if isinstance(classifier, DrawsLayers):
            layers = [
                read_image(picture)
                for picture in classifier.draw_layers(prepared, Path(folder))
                if picture.stem == "feature_maps"
            ]
        drawn = read_image(heat)
    winner, other = (classes[i] for i in (evidence.winner, evidence.runner_up))
    bag = getattr(classifier, "bag_", None)
    circles: list[Circle] = []
    words: list[tuple[str, list[Word]]] = []
    if bag is not None:
        circles = _circles(evidence)
    if isinstance(bag, NamesWords):
        ranked = _words(seen, evidence, bag.words(seen))
        for_winner = [word for word in ranked if word.contribution > 0]
        for_other = [word for word in reversed(ranked) if word.contribution < 0]
        words = [(winner, for_winner[:N_WORDS]), (other, for_other[:N_WORDS])]
    return Exhibits(winner, other, drawn, seen, circles, words, layers)


def _circles(evidence: Evidence) -> list[Circle]:
    """The keypoints that contribute most, the strongest last."""
    strength = np.abs(evidence.contribution)
    order = np.argsort(strength, kind="stable")[-N_KEYPOINTS:]
    weights = evidence.contribution / max(float(strength.max(initial=0)), 1e-12)
    circles = []
    for i in order:
        x, y = 100 * evidence.xy[i]
        rx, ry = 50 * evidence.sides[i]
        circles.append(Circle(x, y, rx, ry, float(weights[i])))
    return circles


def _words(image: Image, evidence: Evidence, words: NDArray[np.int64]) -> list[Word]:
    """The words of an image, from those for the winner to those for the runner-up."""
    numbers, inverse, counts = np.unique(words, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, evidence.contribution, minlength=len(numbers))
    order = np.argsort(-sums, kind="stable")
    ends = list(dict.fromkeys([*order[:N_WORDS], *order[-N_WORDS:]]))
    return [
        Word(
            int(numbers[i]),
            int(counts[i]),
            float(sums[i]),
            _mean_patch(image, evidence, np.flatnonzero(inverse == i)),
        )
        for i in ends
    ]


def _mean_patch(
    image: Image, evidence: Evidence, rows: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Average the patches of some keypoints -> (PATCH_PX, PATCH_PX) grey uint8."""
    grey = to_grey(image[None])[0]
    size = np.array(grey.shape[::-1])
    total = np.zeros((PATCH_PX, PATCH_PX))
    for row in rows:
        middle, side = evidence.xy[row] * size, evidence.sides[row] * size
        matrix = np.array(
            [
                [side[0] / PATCH_PX, 0, middle[0] - side[0] / 2],
                [0, side[1] / PATCH_PX, middle[1] - side[1] / 2],
            ]
        )
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        total += cv2.warpAffine(grey, matrix, total.shape, flags=how)
    return np.rint(total / max(len(rows), 1)).astype(np.uint8)
