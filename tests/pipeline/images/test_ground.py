"""Pictures are brought to the form of small grey training images, or refused."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.ground import bring_to, learn_ground

Image = NDArray[np.uint8]


def training_images(ground: int, figure: int) -> Image:
    """Bars of 4 x 20 pixels, upright and level, in the middle of 28 x 28."""
    images = np.full((20, 28, 28), ground, np.uint8)
    images[::2, 4:24, 12:16] = figure
    images[1::2, 12:16, 4:24] = figure
    return images


def photo(ground: int, figure: int, noise: int = 2) -> Image:
    """An upright bar off the middle of a larger picture."""
    picture = np.full((150, 200), ground, np.int64)
    picture[30:130, 20:40] = figure
    return (
        picture + np.random.default_rng(0).integers(0, noise, picture.shape)
    ).astype(np.uint8)


@pytest.mark.parametrize("training", [(0, 255), (255, 0), (20, 200)])
@pytest.mark.parametrize("picture", [(230, 30), (30, 230), (100, 160)])
def test_polarity_level_size_and_place_are_those_of_the_training_images(
    training: tuple[int, int], picture: tuple[int, int]
) -> None:
    images = training_images(*training)
    ground = learn_ground(images)
    assert ground is not None
    brought = bring_to(photo(*picture), (28, 28), ground).astype(int)
    full = 255 if training[1] > training[0] else 0  # the figure gets the full contrast
    expected = np.where(images[0] == training[0], training[0], full)
    assert np.abs(brought - expected).mean() < 12
    assert np.abs(brought - expected.T).mean() > 30


def test_training_image_itself_is_kept() -> None:
    images = training_images(0, 200)
    ground = learn_ground(images)
    assert ground is not None
    assert np.array_equal(bring_to(images[0], (28, 28), ground), images[0])


def test_figures_are_centred_by_mass_or_by_box_as_in_training() -> None:
    wedge = np.tri(20, dtype=np.uint8) * 255  # its mass is not where its box is
    by_box, by_mass = np.zeros((2, 20, 28, 28), np.uint8)
    for at in range(20):
        turned = np.rot90(wedge, at)
        by_box[at, 4:24, 4:24] = turned
        y, x = (np.argwhere(turned).mean(axis=0) - 9.5).round().astype(int)
        by_mass[at, 4 - y : 24 - y, 4 - x : 24 - x] = turned
    picture = 230 - cv2.resize(wedge, (100, 100), interpolation=cv2.INTER_NEAREST) // 2
    picture = np.pad(picture, 40, constant_values=230)
    for images in (by_box, by_mass):
        ground = learn_ground(images)
        assert ground is not None
        brought = bring_to(picture.astype(np.uint8), (28, 28), ground)
        assert np.abs(brought.astype(int) - images[0]).mean() < 12


def test_images_without_a_common_ground_teach_none() -> None:
    rng = np.random.default_rng(0)
    assert learn_ground(rng.integers(0, 256, (20, 28, 28), np.uint8)) is None
    both = np.concatenate([training_images(0, 255), training_images(255, 0)])
    assert learn_ground(both) is None
    assert learn_ground(np.zeros((20, 28, 28, 3), np.uint8)) is None


def test_picture_in_which_nothing_stands_out_is_refused() -> None:
    ground = learn_ground(training_images(0, 255))
    assert ground is not None
    with pytest.raises(BadInput):
        bring_to(np.full((60, 60), 90, np.uint8), (28, 28), ground)
    stripes = np.full((150, 200), 120, np.uint8)
    stripes[40:110, 40:80], stripes[40:110, 120:160] = 30, 210
    with pytest.raises(BadInput, match="ground of one level"):
        bring_to(stripes, (28, 28), ground)


def test_what_is_much_wider_than_all_training_images_show_is_refused() -> None:
    ground = learn_ground(training_images(0, 255))
    assert ground is not None
    assert ground.aspects == (0.2, 5)
    row = np.full((100, 400), 230, np.uint8)
    row[40:60, 20:380] = 30  # 18 times as wide as high, without its soft edges
    with pytest.raises(
        BadInput, match=r"is 1\d times as wide as high, in the training"
    ):
        bring_to(row, (28, 28), ground)
