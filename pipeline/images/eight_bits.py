"""Convert an opened image of any kind to pixels of 8 bits, grey or RGB.

Depths, palettes and transparency as people have them, which includes files that state
them wrongly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from visbase.pipeline.errors import BadInput

DEPTHS = (8, 10, 12, 16)  # bits that cameras and scanners use of 16
COLOUR_MAP = 320  # tag of a TIFF file
NEARLY_WHITE = 250  # of 255
SHARED_BY_ALL = 16  # of 255: 12 bits in 16 stay below


def to_eight_bits(image: ImageFile.ImageFile, content: bytes) -> NDArray[np.uint8]:
    """Convert an image that is not decoded yet to (h, w) or (h, w, 3) uint8.

    content: its file. Follows the EXIF orientation. Of 16 bits the upper 8 that the
    largest value needs are kept. Transparent pixels become white, or black if all that
    is opaque is white. Raises BadInput if a pixel has 32 bits.
    """
    _mend_palette(image)
    is_deep_colour = any(mode in str(image.tile) for mode in ("RGB;16", "RGBA;16"))
    # in place, since a copy of a large image costs memory
    ImageOps.exif_transpose(image, in_place=True)
    pixels = _converted(image)
    if is_deep_colour and pixels.max() < SHARED_BY_ALL:
        return _deep_colour(content)  # Pillow keeps only the upper 8 of 16 bits
    return pixels


def _converted(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16") or (image.format, image.mode) == ("PPM", "I"):
        return _upper_bits(np.asarray(image))
    if image.mode in ("I", "F"):
        raise BadInput("32 bits per pixel, expected 8 or 16; save it with 8")
    grey = image.mode in ("1", "L", "LA", "La")
    mode = "L" if grey else "RGB"
    if image.has_transparency_data:
        layer = image.convert("LA" if grey else "RGBA")
        pixels = _over("white", layer, mode)
        white = pixels.min() >= NEARLY_WHITE
        return _over("black", layer, mode) if white else pixels
    return np.array(image if image.mode == mode else image.convert(mode))


def _over(background: str, layer: Image.Image, mode: str) -> NDArray[np.uint8]:
    """Lay a transparent image over a background of one level."""
    image = Image.new(mode, layer.size, background)
    image.paste(layer.convert(mode), mask=layer.getchannel("A"))
    return np.array(image)


def _upper_bits(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Keep the upper 8 of the bits that the largest of values (h, w[, 3]) needs.

    Depths other than DEPTHS are taken for the next larger one.
    """
    largest = int(values.max())
    bits = next(bits for bits in DEPTHS if largest < 1 << bits)
    return (values >> (bits - 8)).astype(np.uint8)


def _deep_colour(content: bytes) -> NDArray[np.uint8]:
    """Decode colours of 16 bits, which OpenCV keeps; it follows the orientation."""
    import cv2  # slow to import, and seldom needed

    buffer = np.frombuffer(content, np.uint8)
    decoded = cv2.imdecode(buffer, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    if decoded is None:
        raise BadInput("colours of 16 bits that cannot be decoded; save it with 8")
    return _upper_bits(
        np.asarray(decoded, np.uint16)[..., ::-1]
    )  # OpenCV begins with blue


def _mend_palette(image: ImageFile.ImageFile) -> None:
    """Read a TIFF palette of values up to 255, where 65,535 is expected, as libtiff."""
    if image.format == "TIFF" and image.mode == "P":
        colours = image.tag_v2.get(COLOUR_MAP, ())  # type: ignore[attr-defined]
        if colours and max(colours) < 256:
            image.putpalette(bytes(colours), "RGB;L")
