"""VLAD by hand: residuals are summed word by word, rooted, and of unit length."""

from dataclasses import dataclass

import numpy as np
import pytest

from visbase.pipeline.contracts import Descriptors, Images
from visbase.pipeline.encoding.vlad import Vlad, VladBag
from visbase.pipeline.errors import BadInput

WORDS = np.array([[0, 0], [10, 10]], np.float32)


@dataclass(frozen=True)
class Rows:
    """Takes the pixels of an image (N, 2) as N descriptors of two numbers."""

    name = "rows"
    length = 2

    def extract(self, images: Images) -> Descriptors:
        values = np.concatenate(list(images)).astype(np.float32)
        offsets = np.cumsum([0, *map(len, images)])
        xy, scale = np.zeros_like(values), np.ones(len(values), np.float32)
        return Descriptors(values, offsets, xy, scale)


def test_residuals_are_summed_for_each_word_and_image_by_hand() -> None:
    vectors = {
        # two for the first word, one for the second: sums (4, 0) and (0, 9), roots
        # (2, 0) and (0, 3), length root of 13
        ((1, 0), (3, 0), (10, 19)): np.array([2, 0, 0, 3]) / np.sqrt(13),
        ((9, 10), (11, 10)): [0, 0, 0, 0],  # opposite residuals cancel
        ((9, 10),): [0, 0, -1, 0],
        (): [0, 0, 0, 0],
        ((0, 1),): [0, 1, 0, 0],
    }
    images = [np.array(rows, np.uint8).reshape(-1, 2) for rows in vectors]
    expected = np.array(list(vectors.values()))
    found = VladBag((Rows(),), [WORDS]).vectors(images)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_empty_vocabulary_is_bad_input() -> None:
    with pytest.raises(BadInput, match="vocabulary"):
        Vlad().bag((Rows(),), {"vocabulary00": WORDS[:0]})
