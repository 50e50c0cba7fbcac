"""Pictures of what a method learned, on the report's page."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace

import numpy as np
from PIL import Image

from visbase.reports.page.details import exhibits_of


def drawn(kernels: np.ndarray) -> tuple[str, np.ndarray]:
    """Title and pixels (h, w, 3) of the exhibit of some kernels."""
    detail = SimpleNamespace(method="net", exhibits={"kernels": kernels})
    (exhibit,) = exhibits_of(detail)  # type: ignore[arg-type]
    png = base64.b64decode(exhibit.uri.partition(",")[2])
    return exhibit.title, np.asarray(Image.open(io.BytesIO(png)))


def test_kernels_of_colour_images_are_colours_and_others_red_and_blue() -> None:
    title, grey = drawn(np.float16([[[2.0, -2.0, 0.0]]]))
    assert "red: positive" in title
    assert grey[0, :3].tolist() == [[255, 0, 0], [0, 0, 255], [255, 255, 255]]
    title, colour = drawn(np.float16([[[[2, -2, -2], [0, 0, 0], [1, 1, 1]]]]))
    assert "grey: zero" in title
    assert colour[0, :3].tolist() == [[255, 0, 0], [128] * 3, [191] * 3]
