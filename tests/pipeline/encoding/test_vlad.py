"""VLAD by hand: residuals are summed word by word, rooted, and of unit length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from visbase.pipeline.contracts import Descriptors, Images
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.vlad import Vlad, VladBag
from visbase.pipeline.errors import BadInput

WORDS = np.array([[0, 0], [10, 10]], np.float32)


@dataclass(frozen=True)
class Rows:
    """Takes the pixels of an image (N, 2) as N descriptors of two numbers."""

    name = "rows"
    length = 2

    def extract(self, images: Images) -> Descriptors:
        values = [np.asarray(image, np.float32) for image in images]
        counts = [len(rows) for rows in values]
        n = sum(counts)
        return Descriptors(
            np.concatenate(values),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.zeros((n, 2), np.float32),
            np.ones(n, np.float32),
        )


def vectors(*images: list[list[int]]) -> np.ndarray:
    bag = VladBag((Rows(),), [WORDS])
    return bag.vectors([np.array(image, np.uint8).reshape(-1, 2) for image in images])


def test_residuals_are_summed_for_each_word_by_hand() -> None:
    # (1, 0) and (3, 0) belong to the first word, (10, 19) to the second: sums (4, 0)
    # and (0, 9), roots (2, 0) and (0, 3), length root of 13
    expected = np.array([[2, 0, 0, 3]]) / np.sqrt(13)
    np.testing.assert_allclose(vectors([[1, 0], [3, 0], [10, 19]]), expected, rtol=1e-6)


def test_residuals_of_opposite_sides_cancel_and_keep_their_sign() -> None:
    np.testing.assert_allclose(vectors([[9, 10], [11, 10]]), [[0, 0, 0, 0]])
    np.testing.assert_allclose(vectors([[9, 10]]), [[0, 0, -1, 0]])


def test_image_without_keypoints_is_a_row_of_zeros_among_others() -> None:
    found = vectors([[1, 0]], [], [[0, 1]])
    np.testing.assert_allclose(found, [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]])


def test_order_of_keypoints_leaves_the_vector() -> None:
    rows = np.random.default_rng(0).integers(0, 20, (50, 2)).tolist()
    np.testing.assert_allclose(vectors(rows), vectors(rows[::-1]), atol=1e-5)


def test_each_patch_size_has_a_part_of_unit_length(mnist: Dataset) -> None:
    grids = (DenseSift(2, 4, 2), DenseSift(3, 4, 2))
    images = mnist.train.images[:50]
    encoder = Vlad(n_words=8, n_samples=1000)
    bag = encoder.bag(grids, encoder.learn(images, grids, seed=0))
    found = bag.vectors(images)
    assert found.shape == (50, bag.n_features) == (50, 2 * 8 * 128)
    for part in np.split(found, 2, axis=1):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, rtol=1e-5)


def test_empty_vocabulary_is_bad_input() -> None:
    with pytest.raises(BadInput, match="vocabulary"):
        Vlad().bag((Rows(),), {"vocabulary00": WORDS[:0]})
