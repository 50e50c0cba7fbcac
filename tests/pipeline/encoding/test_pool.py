"""Words to histograms by hand, and the bag of words from images to features."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.descriptors.detected_sift import DetectedSift
from visbase.pipeline.encoding.assign import Words
from visbase.pipeline.encoding.histograms import BagOfWords, Histograms
from visbase.pipeline.encoding.pool import normalise, pool
from visbase.pipeline.encoding.sample import learn_vocabularies
from visbase.pipeline.errors import BadInput

FloatArray = NDArray[np.float32]

GRIDS = (DenseSift(2, 4, 4), DenseSift(4, 6, 4))


def as_words(index: list[list[int]], weight: list[list[float]]) -> Words:
    return Words(np.array(index, np.int32), np.array(weight, np.float32))


def random_keypoints(n: int, n_words: int) -> tuple[Words, FloatArray]:
    """n keypoints at random places, each shared by two random words."""
    rng = np.random.default_rng(0)
    first = rng.integers(n_words, size=n)
    index = np.stack([first, (first + 1) % n_words], axis=1)
    share = rng.random(n)
    weight = np.stack([share, 1 - share], axis=1)
    words = Words(index.astype(np.int32), weight.astype(np.float32))
    return words, rng.random((n, 2), np.float32)


@pytest.fixture(scope="module")
def grid_bag(mnist: Dataset) -> BagOfWords:
    """Two patch sizes, soft counts over 3 words, a pyramid of two levels."""
    images = mnist.train.images[:100]
    vocabularies = learn_vocabularies(images, GRIDS, 12, 2000, seed=0)
    return BagOfWords(GRIDS, vocabularies, Histograms(levels=(1, 2), n_nearest=3))


def test_pyramid_of_three_keypoints_by_hand() -> None:
    words = as_words([[0, 1], [1, 0], [0, 1]], [[1, 0], [1, 0], [0.75, 0.25]])
    # upper left, upper right, lower right; x comes first
    xy = np.array([[0.1, 0.2], [0.9, 0.1], [0.6, 0.7]], np.float32)
    histogram = pool(words, 2, xy, np.array([0, 3]), (1, 2))
    whole = [1.75, 1.25]
    upper, lower = [1, 0, 0, 1], [0, 0, 0.75, 0.25]
    assert histogram.tolist() == [whole + upper + lower]


def test_keypoint_on_a_cell_border_belongs_to_the_later_cell() -> None:
    words = as_words([[0]], [[1]])
    xy = np.array([[0.5, 0.25]], np.float32)
    assert pool(words, 1, xy, np.array([0, 1]), (2,)).tolist() == [[0, 1, 0, 0]]


@pytest.mark.parametrize("side", [1, 2, 3, 5, 7])
def test_keypoint_just_inside_the_corner_is_in_the_last_cell(side: int) -> None:
    words = as_words([[0]], [[1]])
    xy = np.nextafter(np.ones((1, 2), np.float32), np.float32(0))
    histogram = pool(words, 1, xy, np.array([0, 1]), (side,))
    assert histogram[0].argmax() == side * side - 1


def test_reordering_keypoints_of_an_image_leaves_its_histogram() -> None:
    words, xy = random_keypoints(200, 7)
    offsets = np.array([0, 80, 200])
    rng = np.random.default_rng(1)
    order = np.concatenate([rng.permutation(80), 80 + rng.permutation(120)])
    again = Words(words.index[order], words.weight[order])
    np.testing.assert_allclose(
        pool(again, 7, xy[order], offsets, (1, 3)),
        pool(words, 7, xy, offsets, (1, 3)),
        rtol=1e-5,
    )


def test_image_without_keypoints_becomes_a_zero_histogram() -> None:
    words, xy = random_keypoints(10, 4)
    histograms = pool(words, 4, xy, np.array([0, 0, 6, 6, 10, 10]), (1, 2))
    assert histograms.any(axis=1).tolist() == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (0.5, [0.6, 0.8]),  # 9, 16 -> 3, 4
        (1.0, [9 / 337**0.5, 16 / 337**0.5]),
        (0.25, [(3 / 7) ** 0.5, (4 / 7) ** 0.5]),
    ],
)
def test_power_and_unit_length_by_hand(power: float, expected: list[float]) -> None:
    counts = np.array([[9, 16], [0, 0]], np.float32)
    np.testing.assert_allclose(normalise(counts, power), [expected, [0, 0]], rtol=1e-6)


def test_histograms_have_a_part_of_unit_length_for_each_extractor(
    mnist: Dataset, grid_bag: BagOfWords
) -> None:
    histograms = grid_bag.vectors(mnist.test.images[:20])
    assert grid_bag.n_features == 2 * 5 * 12
    assert histograms.shape == (20, grid_bag.n_features)
    lengths = np.linalg.norm(histograms.reshape(20, 2, -1), axis=2)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_blank_training_images_without_keypoints_are_bad_input() -> None:
    blank = np.zeros((5, 28, 28), np.uint8)
    with pytest.raises(BadInput, match="5 training images has a keypoint"):
        learn_vocabularies(blank, [DetectedSift(2)], 10, 100, seed=0)


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_vocabularies_depend_on_the_seed_but_not_on_the_threads(
    mnist: Dataset, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    images = mnist.train.images[:450]  # more than two blocks
    first, again, other = (
        learn_vocabularies(images, GRIDS, 8, 900, seed) for seed in (1, 1, 2)
    )
    monkeypatch.setenv("VISBASE_JOBS", jobs)
    threaded = learn_vocabularies(images, GRIDS, 8, 900, seed=1)
    assert [v.shape for v in first] == [(8, 128), (8, 128)]
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(threaded, first)
    assert not np.array_equal(other, first)
