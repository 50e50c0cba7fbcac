"""The atlas of mistakes: test images that a method got wrong, and who said what."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visbase.pipeline.evaluation import n_failures
from visbase.reports.details import Detail

COLUMNS = 40  # tiles a row of the sheet
# A method that gets most images wrong would fill the atlas with good ones.
WORST_ERROR = 0.5


def atlas(
    images: NDArray[np.uint8],
    truth: NDArray[np.integer],
    details: Sequence[Detail],
    classes: Sequence[str],
) -> dict[str, Any]:
    """What the page's script needs, ready for JSON.

    images (n, h, w) and truth (n,) of the test set. Methods with an error above
    WORST_ERROR are left out. `sheet` holds the tiles as one PNG; `images` one row a
    tile: position in the test set, truth, number of methods that fail, then each
    method's label; `probabilities`, by method, whole percents for every tile.
    """
    shown = [one for one in details if (one.prediction != truth).mean() <= WORST_ERROR]
    left_out = [one.method for one in details if one not in shown]
    wrong = (
        n_failures(truth, [one.prediction for one in shown])
        if shown
        else np.zeros(len(truth), np.int64)
    )
    rows = np.flatnonzero(wrong)
    rows = rows[np.argsort(-wrong[rows], kind="stable")]
    percents = {
        one.method: np.rint(100 * one.probabilities[rows]).astype(int).tolist()
        for one in shown
        if one.probabilities is not None
    }
    columns = [rows, truth[rows], wrong[rows]] + [one.prediction[rows] for one in shown]
    return {
        "methods": [one.method for one in shown],
        "left_out": left_out,
        "classes": list(classes),
        "tile": images.shape[1:],
        "columns": COLUMNS,
        "sheet": _sheet(images[rows]),
        "images": np.stack(columns, axis=1).tolist(),
        "probabilities": percents,
        "n_oracle": int(np.count_nonzero(wrong == len(shown))) if shown else 0,
    }


def data_uri(image: NDArray[np.uint8]) -> str:
    """An image (h, w) or (h, w, 3) as a PNG inside an address."""
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
