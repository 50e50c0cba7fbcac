"""What normalisation must keep, must take out and must refuse."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.digit.normalise import normalise_digit

Image = NDArray[np.uint8]


def seven(size: int = 200, thickness: int = 12) -> Image:
    """A drawn 7, black on white, (size, size); its box is 0.5 by 0.3 of the side."""
    image = np.full((size, size), 255, np.uint8)
    corners = np.array([[0.3, 0.25], [0.6, 0.25], [0.4, 0.75]]) * size
    width = max(round(thickness * size / 200), 1)
    points = [np.rint(corners).astype(np.int32)]
    return cv2.polylines(image, points, False, 0, width, cv2.LINE_AA)


def difference(one: Image, other: Image) -> float:
    """Mean absolute difference in grey levels over the pixels that either inks."""
    inked = (one > 0) | (other > 0)
    return float(np.abs(one.astype(int) - other)[inked].mean())


def off_centre(image: Image) -> float:
    """How far the centre of mass lies from (14, 14), along the longer axis."""
    centre = np.average(np.argwhere(image >= 0), axis=0, weights=image.ravel())
    return float(np.abs(centre - 14).max())


def extent(image: Image) -> tuple[int, int]:
    """Height and width of the box around all ink."""
    rows, columns = np.nonzero(image)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_drawing_gets_the_box_and_centre_of_mnist(mnist: Dataset) -> None:
    digit = normalise_digit(seven())
    assert (digit.shape, digit.dtype, digit.max()) == ((28, 28), np.uint8, 255)
    height, width = extent(digit)
    assert height == 20
    assert 11 <= width <= 15  # (0.3 * 200 + 12) / (0.5 * 200 + 12) of 20 is 12.9
    assert off_centre(digit) <= 0.5
    assert digit[0].max() == digit[:, 0].max() == 0
    assert max(map(off_centre, mnist.train.images[:500])) <= 0.51
    # no longer recognised by its size
    moved = np.pad(mnist.train.images[0], ((9, 0), (0, 9)))
    assert off_centre(normalise_digit(moved)) <= 0.5


def test_digit_of_mnist_and_its_negative_keep_every_pixel(mnist: Dataset) -> None:
    for image in mnist.test.images[:500]:
        assert np.array_equal(normalise_digit(image), image)
    for image in mnist.test.images[:50]:
        assert np.array_equal(normalise_digit(255 - image), image)
        assert np.array_equal(normalise_digit(np.dstack([image] * 3)), image)


def between(ink: float, ground: float) -> Image:
    """The drawn 7 in other grey levels."""
    return np.rint(ink + seven() / 255 * (ground - ink)).astype(np.uint8)


def lit(light: NDArray[np.float64]) -> Image:
    """The drawn 7 under light (200, 200), in grey levels of white paper."""
    return np.rint(seven() / 255 * light).astype(np.uint8)


def resized(size: int) -> Image:
    how = cv2.INTER_AREA if size < 1000 else cv2.INTER_CUBIC
    return cv2.resize(seven(1000), (size, size), interpolation=how)


def speckled() -> Image:
    """Noise everywhere, and specks away from the digit."""
    noise = np.random.default_rng(0).normal(0, 15, (200, 200))
    image = np.clip(lit(np.full((200, 200), 200.0)) + noise, 0, 255).astype(np.uint8)
    for row, column in ((8, 8), (190, 20), (100, 190), (15, 150)):
        image[row : row + 5, column : column + 5] = 0
    return image


def with_dark_edge() -> Image:
    return np.where(np.arange(200) < 9, np.uint8(20), seven())


def of_one_luma() -> Image:
    """Red on a green that weighs the same: grey levels alone do not tell them apart."""
    red, green = np.array([200, 40, 40]), np.array([60, 112, 36])
    assert np.abs((red - green) @ [0.299, 0.587, 0.114]) < 1
    return np.rint(red + seven()[..., None] / 255 * (green - red)).astype(np.uint8)


V, U = np.mgrid[-1:1:200j, -1:1:200j]
LIGHTS = (170 + 60 * U, 150 - 50 * V + 40 * U, 220 - 60 * (U**2 + V**2))
LEVELS = ((0, 120), (100, 130), (220, 255), (90, 20), (255, 128))


@pytest.mark.parametrize(
    ("bound", "images"),
    [
        (1, [255 - seven(), np.dstack([seven()] * 3)]),
        (4, [np.roll(seven(), by, (0, 1)) for by in ((40, -50), (-40, 20), (0, 70))]),
        (8, [of_one_luma(), *(between(*levels) for levels in LEVELS)]),
        (12, [with_dark_edge(), *map(lit, LIGHTS)]),
        (20, [speckled()]),
        (25, [resized(size) for size in (40, 60, 100, 400, 3000)]),
        (30, [lit(210 - 80 / (1 + np.exp(-(U - u) * 30))) for u in (-0.3, 0.4)]),
    ],
    ids=["negative, colour", "place", "levels", "light", "noise", "size", "shadow"],
)
def test_varied_drawing_gives_the_same_digit(bound: float, images: list[Image]) -> None:
    for image in images:
        assert difference(normalise_digit(seven()), normalise_digit(image)) < bound


def test_detached_part_of_a_digit_stays() -> None:
    image = seven()
    image[68:82] = 255  # the stem is cut below the bar
    digit = normalise_digit(image)
    assert extent(digit)[0] == 20
    assert digit[4:8].max() > 200  # the bar


def test_thin_pen_is_thickened_towards_mnist_and_thick_brush_stays_thick() -> None:
    thin, usual, thick = (normalise_digit(seven(400, t)) for t in (2, 14, 30))
    assert difference(thin, usual) < 60
    assert thin.sum() > 0.75 * usual.sum()
    assert thick.sum() > 1.4 * usual.sum()


def test_tiny_and_long_images_give_a_digit() -> None:
    dot = np.zeros((5, 5), np.uint8)
    dot[2, 2] = 255
    assert extent(normalise_digit(dot)) == (20, 20)
    bar = np.zeros((9, 300), np.uint8)
    bar[3:6, 100:200] = 255
    height, width = extent(normalise_digit(bar))
    assert height <= 3 and width == 20  # as thick as strokes of MNIST


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1), np.uint8),
        np.full((28, 28), 255, np.uint8),
        np.full((200, 300, 3), 90, np.uint8),
        np.full((1, 50), 7, np.uint8),
        np.tile(np.arange(100, 200, dtype=np.uint8), (80, 1)),  # a gradient
        np.random.default_rng(0).normal(120, 20, (150, 150)).astype(np.uint8),
        np.random.default_rng(1).normal(200, 6, (28, 28)).astype(np.uint8),
    ],
)
def test_image_without_ink_is_refused_in_one_sentence(image: Image) -> None:
    with pytest.raises(BadInput, match=r"\A.*no digit found.*\Z"):
        normalise_digit(image)


def test_array_that_is_no_image_is_refused() -> None:
    for shape, dtype in (((0, 5), "u1"), ((5, 5), "f4"), ((5, 5, 4), "u1"), (5, "u1")):
        with pytest.raises(BadInput, match="expected"):
            normalise_digit(np.zeros(shape, dtype))


def test_same_image_gives_the_same_digit_and_stays_untouched(mnist: Dataset) -> None:
    image = seven()
    assert np.array_equal(normalise_digit(image), normalise_digit(image))
    assert np.array_equal(image, seven())
    recognised = mnist.test.images[0]
    assert not np.shares_memory(normalise_digit(recognised), recognised)
