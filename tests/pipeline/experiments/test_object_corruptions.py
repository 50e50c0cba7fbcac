"""Corruptions of small pictures of objects: formulas by hand, grey and in colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.contracts import KINDS
from visbase.pipeline.experiments.corruptions import Corruption, find_corruptions
from visbase.pipeline.experiments.corruptions.blur import smear

CORRUPTIONS = {one.name: one for one in find_corruptions("objects", 3)}
IN_GREY = {one.name for one in find_corruptions("objects", 1)}
Batch = NDArray[np.uint8]


@pytest.fixture(scope="module")
def pictures() -> Batch:
    """Pictures of coloured squares (20, 32, 32, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(256, size=(20, 5, 5, 3)).repeat(7, axis=1).repeat(7, axis=2)
    return coarse[:, :32, :32].astype(np.uint8)


def flat(*colour: int, n: int = 1) -> Batch:
    return np.full((n, 32, 32, 3), colour, np.uint8)


def work(name: str, images: Batch, strength: Any) -> Batch:
    return CORRUPTIONS[name].work(images, strength, np.random.default_rng(0))


def test_each_kind_of_images_has_its_corruptions() -> None:
    digits = {one.name for one in find_corruptions("digits", 1)}
    assert len(digits) == 12 and "thickness" in digits - CORRUPTIONS.keys()
    assert len(CORRUPTIONS) == 15 and "jpeg" in CORRUPTIONS.keys() - digits
    assert CORRUPTIONS.keys() - IN_GREY == {"saturation"}
    strength = CORRUPTIONS["gaussian_noise"].strength
    assert (strength(1), strength(5)) == ("0.04 of white", "0.1 of white")
    assert CORRUPTIONS["fog"].strength(4) == "1, 2 (amount, fading)"
    assert all({*one.kinds} < {*KINDS} for one in CORRUPTIONS.values())


@pytest.mark.parametrize("one", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_corruption_repeats_in_grey_and_in_colour(
    one: Corruption, pictures: Batch
) -> None:
    before = pictures.copy()
    first, second = one.apply(pictures, 4), one.apply(pictures, 4)
    assert first.dtype == np.uint8 and first.shape == pictures.shape
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(pictures, before)
    assert (first != pictures).any(axis=(1, 2, 3)).all()
    if one.name not in IN_GREY:
        return
    grey = pictures[..., 0]
    found = one.apply(grey, 4)
    assert found.shape == grey.shape
    if "noise" not in one.name:  # drawn for each channel
        in_rgb = one.apply(np.repeat(grey[..., None], 3, axis=3), 4).astype(int)
        assert np.abs(in_rgb - found[..., None]).max() <= 2  # rounded in YCbCr


NOTHING = {
    "gaussian_noise": 0,
    "impulse_noise": 0,
    "defocus_blur": (0, 0.01),
    "glass_blur": (0.05, 0),
    "motion_blur": (0, 1),
    "zoom_blur": 1.001,
    "fog": (0, 2),
    "brightness": 0,
    "contrast": 1,
    "saturation": (1, 0),
    "elastic": (0, 0, 0),
    "pixelate": 1,
    "snow": (0, 0, 1, 0.5, 8, 3, 1),
}


@pytest.mark.parametrize(("name", "strength"), NOTHING.items(), ids=NOTHING)
def test_corruption_without_strength_changes_nothing(
    name: str, strength: Any, pictures: Batch
) -> None:
    np.testing.assert_array_equal(work(name, pictures, strength), pictures)


@pytest.mark.parametrize(
    "name", ["impulse_noise", "shot_noise", "zoom_blur", "fog", "contrast", "snow"]
)
def test_every_level_changes_more_than_the_one_before(
    name: str, pictures: Batch
) -> None:
    levels = [CORRUPTIONS[name].apply(pictures, k).astype(int) for k in range(1, 6)]
    changes = [0.0, *(float(np.abs(one - pictures).mean()) for one in levels)]
    assert (np.diff(changes) > 0).all()


def test_noise_has_its_deviation_and_impulses_their_share() -> None:
    grey = flat(100, 100, 100, n=50)
    noise = work("gaussian_noise", grey, 0.04).astype(float) - 100
    assert noise.std() == pytest.approx(0.04 * 255, rel=0.01)
    counts = work("shot_noise", grey, 50).astype(float)
    # the mean count is 50 x 100 / 255, its deviation the root of that
    assert counts.mean() == pytest.approx(100, rel=0.01)
    assert counts.std() == pytest.approx(255 / 50 * np.sqrt(5000 / 255), rel=0.01)
    struck = work("impulse_noise", grey, 0.07)
    shares = [(struck == level).mean() for level in (0, 100, 255)]
    assert shares == pytest.approx([0.035, 0.93, 0.035], abs=0.002)


def test_disc_of_radius_one_spreads_a_pixel_over_five() -> None:
    dot = np.zeros((1, 32, 32), np.uint8)
    dot[0, 16, 16] = 255
    (spread,) = work("defocus_blur", dot, (1, 0.2))
    assert spread[16, 16] == spread[15, 16] == spread[16, 17] == 51
    assert (spread > 0).sum() == 5


def test_glass_shows_the_pixel_itself_or_a_neighbour_above_or_left() -> None:
    y, x = np.indices((32, 32))
    places = np.stack([8 * y, 8 * x, 0 * x], axis=2)[None].astype(np.uint8)
    moved = work("glass_blur", places, (0.05, 1))[0].astype(int) // 8
    for axis, at in enumerate((y, x)):
        steps = at - moved[..., axis]
        assert {*steps[2:, 2:].ravel()} == {0, 1}
        assert not steps[:2].any() and not steps[:, :2].any()


def test_smear_averages_pixels_along_its_line() -> None:
    dots = np.zeros((2, 32, 32, 1), np.float32)
    dots[:, 16, 16] = 1
    right, down = smear(dots, 6, 1.5, np.array([0.0, 90.0]))[..., 0]
    weights = np.exp(-0.5 * (np.arange(13) / 1.5) ** 2)
    weights /= weights.sum()
    # a pixel sees the dot if this lies to its right, or below
    np.testing.assert_allclose(right[16, 16:3:-1], weights, atol=1e-6)
    np.testing.assert_allclose(down[16:3:-1, 16], weights, atol=1e-6)
    assert right.sum() == pytest.approx(1) == down.sum()


def test_zoom_averages_enlarged_images() -> None:
    square = np.zeros((1, 32, 32), np.uint8)
    square[0, 8:24, 8:24] = 255
    zoomed = work("zoom_blur", square, 1.5)
    factors = np.array([1, *np.arange(1, 1.5, 0.01)])
    # the square of 16 pixels is cut at 32
    assert zoomed.sum() / square.sum() == pytest.approx((factors**2).mean(), rel=0.01)


def test_snow_falls_on_both_sides_alike() -> None:
    (black,) = CORRUPTIONS["snow"].apply(flat(0, 0, 0), 3)
    np.testing.assert_array_equal(black, black[::-1, ::-1])
    assert black.min() == round(255 * 0.1 * 0.5) and black.max() > 100


def test_fog_scales_to_the_largest_level() -> None:
    foggy = work("fog", flat(200, 200, 200, n=3), (0.5, 2))
    # clouds reach from 0 to 1: (x + 0.5 cloud) x / (x + 0.5) for x = 200 / 255
    assert foggy.max(axis=(1, 2, 3)).tolist() == [200] * 3
    assert foggy.min(axis=(1, 2, 3)).tolist() == [round(200 / (1 + 127.5 / 200))] * 3
    assert not work("fog", flat(0, 0, 0), (0.5, 2)).any()


def test_brightness_adds_to_the_value_and_keeps_the_hue() -> None:
    # the value 100 / 255 becomes 151 / 255
    assert work("brightness", flat(100, 50, 0), 0.2)[0, 0, 0].tolist() == [151, 76, 0]
    assert work("brightness", flat(0, 0, 0), 0.2)[0, 0, 0].tolist() == [51] * 3
    assert work("brightness", flat(250, 125, 0), 0.2)[0, 0, 0].tolist() == [255, 128, 0]


def test_contrast_keeps_its_part_of_the_distance_from_the_mean() -> None:
    images = flat(100, 0, 60)
    images[:, :16, :, 0] = 200
    lower = work("contrast", images, 0.5)
    assert lower[0, 0, 0].tolist() == [175, 0, 60]
    assert lower[0, 31, 0].tolist() == [125, 0, 60]


def test_saturation_keeps_the_value_and_turns_grey_red() -> None:
    pixel = work("saturation", flat(200, 100, 0), (0.3, 0))[0, 0, 0]
    assert pixel.tolist() == [200, 170, 140]
    assert work("saturation", flat(200, 200, 200), (2, 0.1))[0, 0, 0].tolist() == [
        *(200, 180, 180)
    ]


def test_elastic_moves_each_image_in_its_own_way(pictures: Batch) -> None:
    twice = np.repeat(pictures[:1], 2, axis=0)
    first, second = work("elastic", twice, (0.1, 0.04, 0.05))
    assert (first != second).any()
    np.testing.assert_array_equal(
        CORRUPTIONS["elastic"].apply(flat(9, 8, 7), 5), flat(9, 8, 7)
    )


def test_pixelate_repeats_means_of_blocks() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4) * 2
    blocks = [[5, 5, 9, 9]] * 2 + [[21, 21, 25, 25]] * 2
    assert work("pixelate", image, 0.5)[0].tolist() == blocks


def test_jpeg_keeps_the_order_of_the_channels() -> None:
    read = work("jpeg", flat(200, 100, 20), 80)[0, 0, 0].astype(int)
    assert np.abs(read - (200, 100, 20)).max() <= 3
