"""Local colour statistics against their definition, and mirrored patches."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.contracts import Descriptor, Mirrors
from visbase.pipeline.descriptors.colour import LocalColour
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.descriptors.multiscale_sift import MultiscaleDenseSift

SIZE = 61  # a grid of step 6 and margin 12 is symmetric


def picture(seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (8, 8, 3), np.uint8)
    return np.asarray(cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC))


def test_each_cell_has_the_mean_and_the_deviation_of_its_pixels() -> None:
    image = picture()
    found = LocalColour((4.0,), step_px=12, margin_px=12).extract([image])
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB) / 255
    assert found.values.shape == (16, 96)
    for values, (x, y) in zip(found.values, found.xy * SIZE, strict=True):
        top, left = int(y) - 8, int(x) - 8
        patch = lab[top : top + 16, left : left + 16].reshape(4, 4, 4, 4, 3)
        expected = np.stack([patch.mean((1, 3)), patch.std((1, 3))], axis=-1)
        np.testing.assert_allclose(values, expected.ravel(), atol=2e-5)


def test_cells_that_the_image_cuts_off_are_described_by_what_is_left() -> None:
    image = np.full((20, 20, 3), (200, 30, 90), np.uint8)
    found = LocalColour((16.0,), step_px=4, margin_px=0).extract([image])
    means, deviations = found.values[:, ::2], found.values[:, 1::2]
    np.testing.assert_allclose(means, np.broadcast_to(means[0], means.shape), atol=1e-6)
    np.testing.assert_allclose(deviations, 0, atol=1e-3)


def test_a_grey_photograph_has_no_colour_to_describe() -> None:
    grey = picture()[..., 0]
    images = [grey, picture(), np.repeat(grey[..., None], 3, axis=2)]
    found = LocalColour((4.0,), step_px=12, margin_px=12).extract(images)
    assert found.offsets.tolist() == [0, 0, 16, 16]


@pytest.mark.parametrize(
    ("descriptor", "offset"),
    [
        (DenseSift(3.0, 6, 12), 0),
        (MultiscaleDenseSift((2.0, 5.0), 6, 12), 0),
        (LocalColour((2.0, 4.0), 12, 12), 1),  # even cells end beside the middle pixel
    ],
    ids=["one size", "several sizes", "colour"],
)
def test_mirrored_patches_have_the_same_numbers_in_another_order(
    descriptor: Descriptor, offset: int
) -> None:
    image = picture()
    assert isinstance(descriptor, Mirrors)
    found = descriptor.extract([image])
    mirrored = descriptor.extract([np.roll(image[:, ::-1], -offset, axis=1)])

    def ordered(
        values: NDArray[np.float32], x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return values[np.lexsort((x, found.xy[:, 1].round(4), found.scale))]

    np.testing.assert_allclose(
        ordered(found.values[:, descriptor.mirror], 1 - found.xy[:, 0]),
        ordered(mirrored.values, mirrored.xy[:, 0]),
        atol=2e-3,
    )


@pytest.mark.slow
def test_a_photograph_of_12_megapixels_is_described_alike_everywhere() -> None:
    image = np.full((3500, 3500, 3), (255, 250, 235), np.uint8)  # sums beyond 2^31
    found = LocalColour((200.0,), step_px=300, margin_px=400).extract([image])
    means = found.values[:, ::2]
    np.testing.assert_allclose(means, np.broadcast_to(means[0], means.shape), atol=1e-4)
