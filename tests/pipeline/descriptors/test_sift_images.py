"""What dense and detected SIFT have in common: colour, and images without points."""

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.descriptors.detected_sift import DetectedSift

Sift = DenseSift | DetectedSift
every_sift = pytest.mark.parametrize(
    "sift", [DenseSift(2, 2, 2), DetectedSift(2)], ids=["dense", "detected"]
)


@every_sift
def test_colour_is_described_as_its_grey_version(mnist: Dataset, sift: Sift) -> None:
    digits = mnist.test.images[:5, ..., None]
    colour = np.rint(digits * np.array([1, 0.3, 0.7])).astype(np.uint8)
    grey = np.rint(colour @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    in_grey, in_colour = sift.extract(grey), sift.extract(colour)
    assert len(in_grey.values) > 20
    np.testing.assert_array_equal(in_colour.offsets, in_grey.offsets)
    np.testing.assert_array_equal(in_colour.values, in_grey.values)


@every_sift
def test_image_without_points_has_an_empty_range(mnist: Dataset, sift: Sift) -> None:
    digits = mnist.test.images[:2]
    # too narrow for the grid, and too bright for a keypoint
    empty = np.full((28, 4), 255, np.uint8)
    found = sift.extract([empty, digits[0], empty, digits[1]])
    counts = np.diff(found.offsets)
    assert found.n_images == 4
    assert (counts > 0).tolist() == [False, True, False, True]
    assert len(found.values) == len(found.xy) == len(found.scale) == counts.sum()
    none = sift.extract([empty] * 3)
    assert none.offsets.tolist() == [0, 0, 0, 0]
    assert (none.values.shape, none.values.dtype) == ((0, 128), np.float32)
    assert (none.xy.shape, none.scale.shape) == ((0, 2), (0,))
