"""Dense SIFT against OpenCV's keypoint SIFT, and hand arithmetic."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors import dense_sift
from visbase.pipeline.descriptors.dense_sift import DenseSift, grid_centres
from visbase.pipeline.errors import BadInput

OPENCV_BLUR_PX = (1.6**2 - 0.5**2) ** 0.5  # to sigma 1.6 from a camera's assumed 0.5
OPENCV_FULL = 512  # OpenCV's length of a descriptor before it is rounded to 8 bits
GRID = [3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25]  # 28 px, step 2, margin 2


def opencv_descriptors(images: NDArray[np.uint8], bin_px: float) -> NDArray[np.float32]:
    """OpenCV's SIFT at the points of GRID, row by row: (n * 144, 128), 0 to 255."""
    sift = cv2.SIFT.create()
    places = [(float(x), float(y)) for y in GRID for x in GRID]
    points = [cv2.KeyPoint(*place, bin_px / 1.5, 0, 1, 0) for place in places]
    kept, values = sift.compute(list(images), [points] * len(images))
    assert all([point.pt for point in one] == places for one in kept)
    return np.concatenate(values)


def as_opencv_stores(root_sift: NDArray[np.float32]) -> NDArray[np.float32]:
    """RootSIFT -> SIFT of length 512, rounded and cut to 8 bits."""
    sift = root_sift**2
    length = np.linalg.norm(sift, axis=1, keepdims=True)
    sift = np.divide(sift, length, out=np.zeros_like(sift), where=length > 0)
    return np.minimum(np.rint(OPENCV_FULL * sift), 255)


@pytest.mark.parametrize("bin_px", [2.0, 3.0, 4.0])
def test_values_are_opencvs_to_one_of_its_counts(mnist: Dataset, bin_px: float) -> None:
    images = mnist.test.images[:150]
    dense = DenseSift(bin_px, step_px=2, margin_px=2, blur_px=OPENCV_BLUR_PX)
    ours = as_opencv_stores(dense.extract(images).values)
    golden = opencv_descriptors(images, bin_px)

    # OpenCV divides by a norm of at least FLT_EPSILON, so a patch that only holds the
    # last 1e-7 grey level of a blurred stroke stays short; ours has unit length. (A
    # patch with few filled bins is short as well, but because it is cut at 255.)
    short = np.linalg.norm(golden, axis=1) < 0.97 * OPENCV_FULL
    too_faint = short & (golden.max(axis=1) < 255) & golden.any(axis=1)
    assert too_faint.sum() <= 2

    difference = np.abs(ours - golden)[~too_faint]
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 1e-4


@pytest.mark.parametrize("value", [np.nan, np.inf, -1])
def test_impossible_lengths_are_refused(value: float) -> None:
    for setting in ("bin_px", "blur_px"):
        with pytest.raises(BadInput, match=f"expected {setting}"):
            DenseSift(**{setting: value})  # type: ignore[arg-type]


def test_grid_is_centred_inside_the_margins() -> None:
    assert grid_centres(28, 2, 2).tolist() == GRID
    assert grid_centres(29, 4, 2).tolist() == [2, 6, 10, 14, 18, 22, 26]
    assert grid_centres(5, 4, 2).tolist() == [2]
    assert grid_centres(4, 1, 2).tolist() == []


def test_points_lie_at_pixel_centres_row_by_row() -> None:
    found = DenseSift(2, 2, 2).extract(np.zeros((1, 28, 14), np.uint8))
    columns = grid_centres(14, 2, 2)
    assert len(found.values) == len(GRID) * len(columns)
    x = np.tile((columns + 0.5) / 14, len(GRID))
    y = np.repeat((np.array(GRID) + 0.5) / 28, len(columns))
    np.testing.assert_allclose(found.xy, np.stack([x, y], axis=1), rtol=1e-6)
    assert (found.scale == 2).all()


def test_patch_has_unit_length_or_without_a_gradient_only_zeros(mnist: Dataset) -> None:
    values = DenseSift(2, 2, 2).extract(mnist.test.images[:50]).values
    lengths = np.linalg.norm(values, axis=1)
    np.testing.assert_allclose(lengths[values.any(axis=1)], 1, atol=1e-5)
    assert values.min() >= 0
    blank = DenseSift(2, 2, 2).extract(np.full((2, 28, 28), 90, np.uint8))
    assert blank.values.shape == (288, 128)
    assert not blank.values.any()


def test_images_of_differing_size_are_as_one_by_one(mnist: Dataset) -> None:
    digits = mnist.test.images
    images = [digits[0], digits[1, 4:, :20], np.tile(digits[2], (2, 3))]
    dense = DenseSift(3, 4, 2, blur_px=0.8)
    together = dense.extract(images)
    for i, image in enumerate(images):
        alone = dense.extract(image[None])
        rows = slice(together.offsets[i], together.offsets[i + 1])
        np.testing.assert_array_equal(together.values[rows], alone.values)
        np.testing.assert_array_equal(together.xy[rows], alone.xy)


@pytest.mark.parametrize("size", [1, 7])
def test_batch_size_leaves_the_descriptors(mnist: Dataset, size: int) -> None:
    images = mnist.test.images[:60]
    dense = DenseSift(2, 2, 2)
    whole = dense.extract(images).values
    parts = [dense.extract(images[i : i + size]).values for i in range(0, 60, size)]
    # not bit by bit: BLAS takes another routine for small products
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=2e-7)


@pytest.mark.parametrize(
    ("right", "down", "expected"),
    [
        (3, 0, {0: 6.0}),  # central difference of a slope of 3 is 6
        (0, 3, {6: 6.0}),  # brighter downwards: 270 degrees
        (-3, 0, {4: 6.0}),
        (2, -2, {1: 32**0.5}),  # brighter to the upper right: 45 degrees
        # atan(1/2) is 26.565 degrees, 0.5903 of the way from bin 0 to bin 1
        (2, -1, {0: 0.4097 * 20**0.5, 1: 0.5903 * 20**0.5}),
        # 360 - 26.565 degrees lies between the last bin and the first
        (2, 1, {0: 0.4097 * 20**0.5, 7: 0.5903 * 20**0.5}),
    ],
)
def test_ramp_falls_into_the_orientations_of_its_gradient(
    right: int, down: int, expected: dict[int, float]
) -> None:
    y, x = np.mgrid[:5, :6].astype(np.float32)
    maps = dense_sift.orientation_maps((50 + right * x + down * y)[None])
    want = np.zeros((1, 8, 5, 6))  # and no gradient at the border
    for orientation, length in expected.items():
        want[:, orientation, 1:-1, 1:-1] = length
    np.testing.assert_allclose(maps, want, atol=0.05)
