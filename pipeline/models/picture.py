"""Write pictures in the format that the file's name says."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.photo_files import FORMATS
from visbase.pipeline.storage.atomic import write_named


def format_of(path: Path) -> str:
    """Pillow's name of the format that a file's ending says; BadInput if unknown."""
    known = Image.registered_extensions()
    name = known.get(path.suffix.lower(), "")
    if name not in FORMATS:
        ending = printable(path.suffix) or "no ending"
        raise BadInput(
            f"{printable(path)}: expected the ending of a picture such as .png, .jpg, "
            f".webp or .tif, found {ending}; choose another name"
        )
    return name


def write_picture(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write (h, w[, 3]) uint8; BadInput if the format or the place does not do."""
    name = format_of(path)
    with write_named(path) as file:
        try:
            Image.fromarray(pixels).save(file, format=name)
        except (
            ValueError,
            OSError,
            OverflowError,
            RuntimeError,
            struct.error,
        ) as error:
            if getattr(error, "errno", None):  # of the disk
                raise
            size = f"{pixels.shape[1]} x {pixels.shape[0]} pixels"
            raise BadInput(
                f"{printable(path)}: {size} do not fit in {name} ({error}); choose .png"
            ) from None
