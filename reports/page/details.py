"""What the page shows beyond the table: classes, agreement, mistakes, exhibits."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visbase.pipeline.evaluation import (
    agreement,
    class_error_rates,
    confusion_matrix,
    n_failures,
    precision_recall_f1,
)
from visbase.pipeline.experiments.records import Record
from visbase.reports.charts import Picture
from visbase.reports.measures import Runs

COLUMNS = 40  # tiles per row of the sheet
MOST_TILES = 2000  # of colour images, which fill 6 MB
WORST_ERROR = 0.5  # methods with more would fill the atlas with easy images
KERNEL_PX, WORD_PX = 8, 3  # screen pixels per pixel of a kernel, of a visual word

Heat = list[list[tuple[float, float]]]  # value and colour intensity of each cell


@dataclass(frozen=True)
class Detail:
    """One method with at least one good seed; record and exhibits are of the first.

    By good seed: confusions (C, C); predictions (n,); probabilities (n, C), where the
    scores were kept.
    """

    record: Record
    confusions: dict[int, NDArray[np.int64]]
    predictions: dict[int, NDArray[np.integer]]
    probabilities: dict[int, NDArray[np.float64]]
    exhibits: dict[str, NDArray[Any]]

    @property
    def method(self) -> str:
        return self.record.method

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Counts (C, C), summed over the seeds."""
        return np.sum(list(self.confusions.values()), axis=0)

    @property
    def prediction(self) -> NDArray[np.integer]:
        """Those of the first seed (n,)."""
        return self.predictions[self.record.seed]


@dataclass(frozen=True)
class Exhibit:
    """A picture of what a method learned; width and height in screen pixels."""

    title: str
    uri: str
    width: int
    height: int


def detail_of(runs: Runs, n_classes: int) -> Detail | None:
    """Collect the details of one method; None if all its seeds failed."""
    if not runs.good:
        return None
    seeds = {runs.records[i].seed: i for i in runs.first_of_seeds}
    known = {seed: runs.probabilities(i) for seed, i in seeds.items()}
    first = runs.good[0]
    return Detail(
        record=runs.records[first],
        confusions={
            seed: confusion_matrix(truth, prediction, n_classes)
            for seed, i in seeds.items()
            for truth, prediction in [runs.predictions[i]]
        },
        predictions={seed: runs.predictions[i][1] for seed, i in seeds.items()},
        probabilities={k: values for k, values in known.items() if values is not None},
        exhibits={k: v for k, v in runs.extras[first].items() if k != "scores"},
    )


def details_of(
    runs: Sequence[Runs], order: Sequence[str], n_classes: int
) -> list[Detail]:
    """Collect the details of the methods that did not fail, in the given order."""
    by_method = {one.method: detail_of(one, n_classes) for one in runs}
    details = [by_method.get(name) for name in order]
    return [detail for detail in details if detail is not None]


def class_errors(details: Sequence[Detail]) -> Heat:
    """Return the error of each class in percent: a row per method, C columns."""
    errors = [100 * class_error_rates(one.confusion) for one in details]
    return [_heat_row(row, row) for row in errors]


def class_scores(confusions: Sequence[NDArray[np.int64]]) -> list[tuple[str, Heat]]:
    """Return precision, recall and F1 in percent: a row per confusion, C columns."""
    scores = [precision_recall_f1(confusion) for confusion in confusions]
    return [
        (name, [_heat_row(100 * row[i], 100 - 100 * row[i]) for row in scores])
        for i, name in enumerate(("Precision", "Recall", "F1"))
    ]


def disagreement(details: Sequence[Detail]) -> Heat:
    """Return the percentage of images on which two methods disagree, (m, m)."""
    if not details:
        return []
    apart = 100 * (1 - agreement([one.prediction for one in details]))
    return [_heat_row(row, row, most=10.0) for row in apart]


def _heat_row(
    values: NDArray[np.float64], fault: NDArray[np.float64], most: float | None = None
) -> list[tuple[float, float]]:
    """Pair each value with a colour intensity from 0 to 1, fault / most.

    Without `most`, the largest fault of the row has intensity 1, which shows the class
    that is hardest for this method.
    """
    most = float(np.nanmax(fault)) if most is None else most
    strength = np.clip(np.nan_to_num(fault) / max(most, 1e-9), 0, 1)
    return list(zip(values.tolist(), strength.tolist(), strict=True))


def atlas(
    images: NDArray[np.uint8],
    truth: NDArray[np.integer],
    details: Sequence[Detail],
    classes: Sequence[str],
) -> dict[str, Any]:
    """Collect what the page's script needs to show misclassified images, for JSON.

    images (n, h, w[, 3]) and truth (n,) of the test set. Methods with an error above
    WORST_ERROR are left out. `sheet` is a PNG with one tile per image that any seed of
    a method misclassifies, first those that most methods do, at most MOST_TILES of the
    `n_wrong` images; `images` has position in the test set and true class of each tile;
    `answers`: method -> seed -> predictions of the tiles; `probabilities`: method ->
    seed -> for each tile, class and percentage in turn, without those of 0 %.
    """
    shown = [one for one in details if (one.prediction != truth).mean() <= WORST_ERROR]
    left_out = [one.method for one in details if one not in shown]
    wrong = (
        n_failures(truth, [one.prediction for one in shown])
        if shown
        else np.zeros(len(truth), np.int64)
    )
    ever = np.zeros(len(truth), bool)
    for one in shown:
        for prediction in one.predictions.values():
            ever |= prediction != truth
    rows = np.flatnonzero(ever)
    n_wrong = len(rows)
    rows = rows[np.argsort(-wrong[rows], kind="stable")][:MOST_TILES]
    return {
        "methods": [one.method for one in shown],
        "left_out": left_out,
        "classes": list(classes),
        "tile": images.shape[1:3],
        "columns": COLUMNS,
        "sheet": _sheet(images[rows]),
        "images": np.stack([rows, truth[rows]], axis=1).tolist(),
        "answers": {
            one.method: {
                k: labels[rows].tolist() for k, labels in one.predictions.items()
            }
            for one in shown
        },
        "probabilities": {
            one.method: {k: _percents(p[rows]) for k, p in one.probabilities.items()}
            for one in shown
        },
        "n_wrong": n_wrong,
        "n_oracle": int(np.count_nonzero(wrong == len(shown))) if shown else 0,
    }


def _percents(probabilities: NDArray[np.float64]) -> list[list[int]]:
    """List class, percentage, class, percentage ... of each row (n, C), without 0 %."""
    percents = np.rint(100 * probabilities).astype(int)
    return [
        np.stack([np.flatnonzero(row), row[row > 0]], axis=1).ravel().tolist()
        for row in percents
    ]


def data_uri(image: NDArray[np.uint8]) -> str:
    """Encode an image (h, w) or (h, w, 3) as a PNG in a data URI."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _sheet(tiles: NDArray[np.uint8]) -> str:
    n, *size = tiles.shape
    missing = -n % COLUMNS if n else COLUMNS
    tiles = np.concatenate([tiles, np.zeros((missing, *size), np.uint8)])
    grid = tiles.reshape(-1, COLUMNS, *size)  # (rows, columns, h, w[, 3])
    joined = np.concatenate(list(np.concatenate(grid, axis=1)), axis=1)
    return data_uri(joined)


def exhibits_of(detail: Detail) -> list[Exhibit]:
    """Draw the kernels and visual words that a method learned."""
    pictures = []
    for name, tiles in detail.exhibits.items():
        if name == "kernels":
            legend = (
                "red: positive, blue: negative" if tiles.ndim == 3 else "grey: zero"
            )
            title = f"{detail.method}: kernels of the first layer ({legend})"
            columns = 16 if tiles.shape[1] < 16 else 8
            pictures.append(Picture(title, tiles, columns, KERNEL_PX))
        else:
            size = tiles.shape[1]
            title = (
                f"{detail.method}: the {len(tiles)} most frequent visual words, each "
                f"shown as the mean of its patches ({size} x {size} pixels)"
            )
            pictures.append(Picture(title, tiles, 20, WORD_PX))
    return [exhibit(picture) for picture in pictures]


def exhibit(picture: Picture) -> Exhibit:
    """Draw a picture, at most 900 screen pixels wide unless it has more itself."""
    tiles = picture.tiles
    if tiles.dtype == np.uint8:
        image = _montage(tiles, picture.columns, gap_shade=128)  # may be white or black
    else:
        image = _montage(_colours(tiles), picture.columns, gap_shade=255)
    height, width = image.shape[:2]
    zoom = max(1, min(picture.zoom, 900 // width))
    return Exhibit(picture.title, data_uri(image), width * zoom, height * zoom)


def _colours(kernels: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Turn kernels (n, h, w[, 3]) into tiles (n, h, w, 3).

    Kernels of colour images are shown as colours, in which zero is grey; those of grey
    images in red and blue, in which zero is white.
    """
    strength = kernels.astype(np.float32) / (float(np.abs(kernels).max()) or 1.0)
    if kernels.ndim == 4:
        return np.rint(127.5 * (1 + strength)).astype(np.uint8)
    fade = np.rint(255 * (1 - np.abs(strength))).astype(np.uint8)
    full = np.full_like(fade, 255)
    red, blue = (np.where(side > 0, full, fade) for side in (strength, -strength))
    return np.stack([red, fade, blue], axis=3)


def _montage(
    tiles: NDArray[np.uint8], columns: int, gap_shade: int, gap: int = 1
) -> NDArray[np.uint8]:
    """Arrange tiles (n, h, w[, 3]) uint8 in rows with gaps, as one image."""
    n, height, width, *channels = tiles.shape
    rows = -(-n // columns)
    size = rows * (height + gap) - gap, columns * (width + gap) - gap
    page = np.full((*size, *channels), gap_shade, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = (i // columns) * (height + gap), (i % columns) * (width + gap)
        page[y : y + height, x : x + width] = tile
    return page
