"""Every depth, palette and transparency becomes grey or RGB of 8 bits."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.photo_files import read_image

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)
RED, WHITE, BLACK = [255, 0, 0], [255, 255, 255], [0, 0, 0]
COLOURED = Image.fromarray(COLOUR)


def row(*pixels: object, dtype: type = np.uint8) -> Image.Image:
    """An image of one row."""
    return Image.fromarray(np.array([pixels], dtype))


def red_and_black() -> Image.Image:
    """A row of two pixels that are entries of a palette."""
    image = row(0, 1)
    image.putpalette([*RED, *BLACK])
    return image


SEE_THROUGH = row([*RED, 255], [*RED, 0], [*BLACK, 51])
WHITE_INK = row([*WHITE, 0], [*WHITE, 255], [*WHITE, 51])


def deep(*levels: int) -> Image.Image:
    return row(*levels, dtype=np.uint16)


KINDS: dict[str, tuple[str, Image.Image, dict[str, object], Any]] = {
    "grey": ("png bmp tif jp2 pgm", Image.fromarray(GREY), {}, GREY),
    "colour": ("png bmp tif webp jp2 ppm", COLOURED, {"lossless": True}, COLOUR),
    "palette": ("png gif", red_and_black(), {}, [[RED, BLACK]]),
    "clear entry": ("png gif", red_and_black(), {"transparency": 1}, [[RED, WHITE]]),
    "transparent": ("png", SEE_THROUGH, {}, [[RED, WHITE, [204, 204, 204]]]),
    "transparent grey": ("png", row([0, 51]), {}, [[204]]),
    "clear colour": (
        "png",
        row(RED, BLACK),
        {"transparency": (0,) * 3},
        [[RED, WHITE]],
    ),
    "white ink": ("png webp", WHITE_INK, {"exact": True}, [[BLACK, WHITE, [51] * 3]]),
    "16 bits": ("png tif pgm", deep(0, 255, 256, 65_535), {}, [[0, 0, 1, 255]]),
    "12 of 16 bits": ("png tif pgm", deep(0, 15, 16, 4095), {}, [[0, 0, 1, 255]]),
    "10 of 16 bits": ("png tif pgm", deep(0, 3, 4, 1023), {}, [[0, 0, 1, 255]]),
    "8 of 16 bits": ("png tif pgm", deep(0, 1, 255), {}, [[0, 1, 255]]),
    "1 bit": ("png", row(False, True, dtype=np.bool_), {}, [[0, 255]]),
    "CMYK": ("tif", Image.new("CMYK", (1, 1), (0, 255, 255, 0)), {}, [[RED]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pixels_becomes_grey_or_rgb(tmp_path: Path, kind: str) -> None:
    suffixes, image, options, expected = KINDS[kind]
    for path in (tmp_path / f"a.{suffix}" for suffix in suffixes.split()):
        image.save(path, **options)
        pixels = read_image(path)
        assert pixels.dtype == np.uint8
        assert pixels.tolist() == np.asarray(expected).tolist(), path
        with path.open("rb") as file:
            assert np.array_equal(read_image(file), pixels)
        pixels[0, 0] = 7  # may be written to


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_colour_of_10_or_12_of_16_bits_is_not_black(
    tmp_path: Path, bits: int, suffix: str, has_alpha: bool
) -> None:
    deep = (COLOUR.astype(np.uint16) << (bits - 8))[..., ::-1]  # OpenCV begins with B
    if has_alpha:
        deep = np.pad(deep, ((0, 0), (0, 0), (0, 1)), constant_values=65_535)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), deep)
    assert read_image(tmp_path / f"a.{suffix}").tolist() == COLOUR.tolist()


def test_tiff_palette_of_8_bits_is_read_as_one_of_16(tmp_path: Path) -> None:
    red_and_black().save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as image:
        colours = np.array(image.tag_v2[320], np.uint16)  # all red, green, then blue
    content = (tmp_path / "a.tif").read_bytes()
    assert content.count(colours.tobytes()) == 1
    wrong = content.replace(colours.tobytes(), (colours // 256).tobytes())
    for file in (content, wrong):
        assert read_image(io.BytesIO(file)).tolist() == [[RED, BLACK]]


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(BadInput, match="cannot be read: 32 bits"):
        read_image(tmp_path / "a.tif")
