"""Corrupted images: each corruption follows its formula, the same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.experiments.corruptions import Corruption, find_corruptions
from visbase.pipeline.experiments.corruptions.other_hand import other_hand

KINDS = {corruption.name: corruption for corruption in find_corruptions("digits", 1)}
Batch = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits(mnist: Dataset) -> Batch:
    return np.asarray(mnist.test.images[:60])


def ink(n: int, rows: Any = (12, 16), columns: Any = (12, 16)) -> Batch:
    """A white rectangle, by default 4 x 4 pixels in the middle, in n images."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, slice(*rows), slice(*columns)] = 255
    return images


def centres(images: Batch) -> NDArray[np.float64]:
    """Centre of mass of each image, (n, 2) as x, y."""
    mass = images.sum(axis=(1, 2), dtype=float)
    x = (images.sum(axis=1) * np.arange(28)).sum(axis=1) / mass
    y = (images.sum(axis=2) * np.arange(28)).sum(axis=1) / mass
    return np.stack([x, y], axis=1)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_corruption_repeats_on_unchanged_input(kind: Corruption, digits: Batch) -> None:
    before = digits.copy()
    first, second = kind.apply(digits, 5), kind.apply(digits, 5)
    assert first.dtype == np.uint8 and first.shape == digits.shape
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(digits, before)


@pytest.mark.parametrize("corruption", KINDS.values(), ids=KINDS)
def test_colour_images_are_corrupted_channel_by_channel(
    corruption: Corruption, digits: Batch
) -> None:
    in_rgb = np.repeat(digits[..., None], 3, axis=3)
    found = corruption.apply(in_rgb, 3)
    assert found.shape == in_rgb.shape
    if "noise" not in corruption.name:  # drawn for each channel
        expected = corruption.apply(digits, 3)
        assert all(np.array_equal(found[..., i], expected) for i in range(3))


@pytest.mark.parametrize(
    "name", sorted(KINDS.keys() - {"shift", "rotation", "scale", "shear"})
)
def test_every_level_changes_more_than_the_one_before(name: str, digits: Batch) -> None:
    levels = [KINDS[name].apply(digits, level).astype(float) for level in range(1, 6)]
    changes = [0.0, *(np.abs(level - digits).mean() for level in levels)]
    assert (np.diff(changes) > 0).all()


@pytest.mark.parametrize("level", [0, 6])
def test_level_that_does_not_exist_is_refused(level: int, digits: Batch) -> None:
    with pytest.raises(ValueError, match="expected 1 to 5"):
        KINDS["blur"].apply(digits, level)


def test_shift_moves_by_its_length_in_all_directions() -> None:
    moved = centres(KINDS["shift"].apply(ink(200), 4)) - 13.5
    np.testing.assert_allclose(np.hypot(*moved.T), 4, atol=0.05)
    assert (moved.min(axis=0) < -3).all() and (moved.max(axis=0) > 3).all()


def test_rotation_turns_by_its_angle_either_way() -> None:
    right = ink(50, (13, 15), (21, 25))
    x, y = (centres(KINDS["rotation"].apply(right, 3)) - 13.5).T
    angles = np.degrees(np.arctan2(y, x))
    np.testing.assert_allclose(np.abs(angles), 30, atol=1)
    assert {-1, 1} == set(np.sign(angles))


def test_scale_shrinks_lengths_by_its_factor() -> None:
    images = ink(1, (4, 24), (4, 24))
    shrunk = KINDS["scale"].apply(images, 5)  # to one half
    assert shrunk.sum() / images.sum() == pytest.approx(0.25, rel=0.05)


def test_shear_moves_rows_by_their_distance_from_the_middle() -> None:
    below = ink(50, (23, 25), (13, 15))  # by ten rows
    x = np.abs(centres(KINDS["shear"].apply(below, 2))[:, 0] - 13.5)
    np.testing.assert_allclose(x, 0.3 * 10, atol=0.1)


def test_gaussian_noise_has_its_deviation() -> None:
    grey = np.full((50, 28, 28), 127, np.uint8)  # far from both ends
    noise = KINDS["gaussian_noise"].apply(grey, 1).astype(float) - 127
    assert noise.std() == pytest.approx(25.5, rel=0.02)
    assert abs(noise.mean()) < 0.5


def test_shot_noise_has_a_deviation_of_the_root_of_the_photons() -> None:
    grey = np.full((50, 28, 28), 51, np.uint8)  # a fifth of 60 photons: 12
    noise = KINDS["shot_noise"].apply(grey, 1).astype(float)
    assert noise.mean() == pytest.approx(51, rel=0.02)
    assert noise.std() == pytest.approx(np.sqrt(12) * 255 / 60, rel=0.03)
    assert not KINDS["shot_noise"].apply(np.zeros_like(grey), 5).any()


def test_blur_keeps_the_ink_and_spreads_it_by_its_deviation() -> None:
    blurred = KINDS["blur"].apply(ink(1), 4)[0].astype(float)  # 2 pixels
    assert blurred.sum() == pytest.approx(16 * 255, rel=0.02)
    variance = np.average((np.arange(28) - 13.5) ** 2, weights=blurred.sum(axis=0))
    # a uniform width of 4 has variance (16 - 1) / 12
    assert variance == pytest.approx(4 + 15 / 12, rel=0.05)


def test_occlusion_blacks_out_a_square_on_the_ink() -> None:
    white = np.full((50, 28, 28), 255, np.uint8)
    black = KINDS["occlusion"].apply(white, 2) == 0
    sizes = black.sum(axis=(1, 2))
    assert sizes.max() == 36  # 6 x 6, less at the border
    assert sizes.min() >= 9
    assert not KINDS["occlusion"].apply(np.zeros_like(white), 5).any()


def test_thickness_grows_a_stroke_by_its_radius_on_each_side() -> None:
    stroke = KINDS["thickness"].apply(ink(1, rows=(0, 28)), 3)
    assert stroke[0, 14].sum(dtype=float) / 255 == pytest.approx(4 + 2 * 1, abs=0.3)


def test_inversion_at_its_strongest_is_the_negative(digits: Batch) -> None:
    np.testing.assert_array_equal(KINDS["inversion"].apply(digits, 5), 255 - digits)


def test_brightness_adds_to_every_pixel() -> None:
    brighter = KINDS["brightness"].apply(ink(1), 2)
    np.testing.assert_array_equal(brighter, np.maximum(ink(1), 51))


def test_spatter_covers_its_part_of_a_blank_image() -> None:
    drops = KINDS["spatter"].apply(np.zeros((20, 28, 28), np.uint8), 5)
    assert set(np.unique(drops)) == {0, 255}
    assert (drops > 0).mean() == pytest.approx(0.2, abs=0.005)


def test_digits_from_another_dataset_look_like_those_of_mnist() -> None:
    images, labels = other_hand()
    assert images.shape == (1797, 28, 28) and images.dtype == np.uint8
    assert np.bincount(labels).min() > 170
    assert not images[:, :4].any() and not images[:, :, :4].any()
    assert np.abs(centres(images).mean(axis=0) - 13.5).max() < 1
