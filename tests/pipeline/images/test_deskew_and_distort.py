"""Slants and shears by hand, and what random distortions may and may not do."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.images.deskew import deskew, measure
from visbase.pipeline.images.distort import Distortion, distort

Image = NDArray[np.uint8]
Ink = dict[tuple[int, int], int]


def image_of(ink: Ink, size: int = 7) -> Image:
    """A black image with the given grey values at (row, column)."""
    image = np.zeros((size, size), np.uint8)
    for place, value in ink.items():
        image[place] = value
    return image


def mass_centres(images: Image) -> NDArray[np.float64]:
    """(n, h, w) -> (n, 2) x and y of the centre of mass."""
    y, x = np.mgrid[: images.shape[1], : images.shape[2]]
    mass = images.sum(axis=(1, 2), dtype=np.float64)
    return np.stack([(images * at).sum(axis=(1, 2)) / mass for at in (x, y)], axis=1)


@pytest.mark.parametrize(
    ("ink", "expected"),
    [
        # one column a row; from the centre (3, 3): mu11 = 1 + 1, mu02 = 1 + 1
        ({(2, 2): 255, (3, 3): 255, (4, 4): 255}, (1, 3)),
        # two columns a row to the left: mu11 = -2 - 2, mu02 = 1 + 1
        ({(2, 5): 255, (3, 3): 255, (4, 1): 255}, (-2, 3)),
        # twice the ink above: the centre of mass is in row (2 * 1 + 1 * 2) / 3
        ({(1, 1): 200, (2, 2): 100}, (1, 4 / 3)),
        # a wide foot: centre (1.75, 2.25); mu11 = 0.25 and mu02 = 2.75
        ({(1, 2): 60, (2, 1): 60, (3, 1): 60, (3, 3): 60}, (0.25 / 2.75, 2.25)),
    ],
)
def test_slant_of_a_stroke_by_hand(ink: Ink, expected: tuple[float, float]) -> None:
    shape = measure(image_of(ink))
    assert shape and (shape.slant, shape.y) == pytest.approx(expected)


def test_spread_is_the_deviation_across_the_slanted_axis() -> None:
    # two columns a row, leaning one column a row: each 0.5 px from the axis
    leaning = image_of({(row, row + side): 255 for row in range(5) for side in (0, 1)})
    shape = measure(leaning)
    assert shape and (shape.slant, shape.spread_px) == pytest.approx((1, 0.5))
    assert measure(image_of({})) is None
    assert measure(image_of({(2, 1): 255, (2, 4): 255})) is None  # one row: no slant


def test_full_strength_gives_every_digit_the_same_spread(mnist: Dataset) -> None:
    digits = np.pad(mnist.train.images[:100], ((0, 0), (4, 4), (4, 4)))
    for strength, largest in ((1.0, 0.15), (0.0, 4.0)):
        upright = deskew(digits, spread_px=3.6, strength=strength)
        spreads = [shape.spread_px for shape in map(measure, upright) if shape]
        wide_enough = [s for s in spreads if s > 3.0]  # ones stay thin: the limit
        assert np.std(wide_enough) < largest
        assert len(wide_enough) > 50
    assert np.std(wide_enough) > 0.3


def test_diagonal_becomes_a_bar_and_what_is_upright_stays() -> None:
    diagonal = {(i, i): 200 for i in range(1, 6)}
    bar = {(i, 3): 200 for i in range(1, 6)}
    row, column = {(2, x): 90 for x in range(7)}, {(y, 1): 255 for y in range(7)}
    block = {(y, x): 70 for y in range(2, 6) for x in (3, 4)}
    upright: list[Ink] = [{}, {(3, 5): 255}, row, bar, column, block]
    for ink, expected in ((diagonal, bar), *zip(upright, upright, strict=True)):
        image = image_of(ink)[None]
        np.testing.assert_array_equal(deskew(image), image_of(expected)[None])
        np.testing.assert_array_equal(image, image_of(ink)[None])


def test_deskewed_digits_have_no_slant_left(mnist: Dataset) -> None:
    digits = mnist.train.images[:300]
    before, after = (
        np.abs([shape.slant for shape in map(measure, images) if shape])
        for images in (digits, deskew(digits))
    )
    assert before.mean() > 0.2
    assert after.mean() < 0.005
    assert after.max() < 0.1


def test_distortion_of_zero_strength_leaves_the_images(mnist: Dataset) -> None:
    digits = mnist.train.images[:20]
    copies = distort(digits, Distortion(0, 0, 0, 0), np.random.default_rng(0))
    np.testing.assert_array_equal(copies, digits)


def test_shift_alone_moves_the_ink_by_at_most_its_strength(mnist: Dataset) -> None:
    # with room on every side, so that no ink leaves the image
    digits = np.pad(mnist.train.images[:200], ((0, 0), (2, 2), (2, 2)))
    how = Distortion(rotation=0, scale=0, shear=0, shift_px=1.5)
    copies = distort(digits, how, np.random.default_rng(0))
    moved = mass_centres(copies) - mass_centres(digits)
    drawn = how.matrices(200, np.random.default_rng(0))[:, :, 2]
    np.testing.assert_allclose(moved, -drawn, atol=0.05)
    assert 1.3 < np.abs(moved).max() <= 1.55


def test_rotation_leaves_the_centre_in_place() -> None:
    how = Distortion(rotation=1, scale=0, shear=0, shift_px=0)
    centre, off = (
        distort(np.tile(image, (50, 1, 1)), how, np.random.default_rng(0))
        for image in (image_of({(14, x): 255}, size=29) for x in (14, 24))
    )
    assert (centre[:, 14, 14] == 255).all()
    away = mass_centres(off) - 14
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), 10, atol=0.6)
    assert away[:, 1].min() < -5 and away[:, 1].max() > 5


def test_matrices_rotate_shear_and_scale_within_their_strengths() -> None:
    rng = np.random.default_rng(0)
    turns = Distortion(0.3, 0, 0, 0).matrices(500, rng)[:, :, :2]
    unit = np.tile(np.eye(2), (500, 1, 1))
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), unit, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    assert 0.28 < np.abs(np.arcsin(turns[:, 1, 0])).max() <= 0.3

    leans = Distortion(0, 0, 0.2, 0).matrices(500, rng)[:, :, :2]
    assert (leans[:, [0, 1, 1], [0, 0, 1]] == (1, 0, 1)).all()
    assert 0.18 < np.abs(leans[:, 0, 1]).max() <= 0.2

    sizes = Distortion(0, 0.1, 0, 0).matrices(500, rng)[:, :, :2]
    assert not sizes[:, [0, 1], [1, 0]].any()
    for size in (sizes[:, 0, 0], sizes[:, 1, 1]):
        assert 0.9 <= size.min() < 0.92 and 1.08 < size.max() <= 1.1
    # each axis on its own
    assert abs(np.corrcoef(sizes[:, 0, 0], sizes[:, 1, 1])[0, 1]) < 0.2


def test_seed_gives_the_same_copies_and_each_image_its_own(mnist: Dataset) -> None:
    same = np.repeat(mnist.train.images[:1], 10, axis=0)
    first, again, other = (
        distort(same, Distortion(), np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(again, first)
    assert not np.array_equal(other, first)
    assert len(np.unique(first, axis=0)) == 10


def test_copy_of_an_image_does_not_depend_on_the_others(mnist: Dataset) -> None:
    digits, few = mnist.train.images[:50], np.array([3, 20, 49])
    every, some = (
        distort(digits, Distortion(), np.random.default_rng(0), rows)
        for rows in (slice(None), few)
    )
    np.testing.assert_array_equal(some, every[few])


def test_transposed_images_are_deskewed_like_their_copies(mnist: Dataset) -> None:
    images = mnist.train.images[:20].transpose(0, 2, 1)  # as those of EMNIST
    np.testing.assert_array_equal(deskew(images), deskew(images.copy()))
