"""Image files to arrays."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pipeline.errors import BadInput


def read_image(file: str | Path | IO[bytes]) -> NDArray[np.uint8]:
    """A path or an open binary file -> (h, w) or (h, w, 3) uint8, upright by EXIF.

    Raises BadInput where there is no image that can be read.
    """
    name = file if isinstance(file, str | Path) else "standard input"
    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
            grey = upright.mode in ("1", "L", "LA")
            return np.array(upright.convert("L" if grey else "RGB"))
    except FileNotFoundError:
        raise BadInput(f"{name}: no such file") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"{name}: not an image that can be read ({error})") from None
