"""Words to histograms by hand, and encoders from images to vectors."""

import numpy as np
import pytest

from visbase.pipeline.contracts import Encoder
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.descriptors.detected_sift import DetectedSift
from visbase.pipeline.encoding.assign import Words
from visbase.pipeline.encoding.fisher import Fisher
from visbase.pipeline.encoding.histograms import Histograms
from visbase.pipeline.encoding.pool import normalise, pool
from visbase.pipeline.encoding.sample import learn_vocabularies
from visbase.pipeline.encoding.vlad import Vlad
from visbase.pipeline.errors import BadInput

GRIDS = (DenseSift(2, 4, 4), DenseSift(4, 6, 4))
LAST = float(np.nextafter(np.float32(1), np.float32(0)))  # just inside the image


def as_words(index: list[list[int]], weight: list[list[float]]) -> Words:
    return Words(np.array(index, np.int32), np.array(weight, np.float32))


def test_pyramid_of_three_keypoints_by_hand() -> None:
    words = as_words([[0, 1], [1, 0], [0, 1]], [[1, 0], [1, 0], [0.75, 0.25]])
    # upper left, upper right, lower right; x comes first
    xy = np.array([[0.1, 0.2], [0.9, 0.1], [0.6, 0.7]], np.float32)
    histogram = pool(words, 2, xy, np.array([0, 3]), (1, 2))
    whole = [1.75, 1.25]
    upper, lower = [1, 0, 0, 1], [0, 0, 0.75, 0.25]
    assert histogram.tolist() == [whole + upper + lower]


def test_keypoint_on_a_border_is_in_the_later_cell_and_a_corner_in_the_last() -> None:
    corners = [(LAST, LAST, side, side * side - 1) for side in (1, 2, 3, 5, 7)]
    for x, y, side, cell in [(0.5, 0.25, 2, 1), *corners]:
        xy = np.array([[x, y]], np.float32)
        histogram = pool(as_words([[0]], [[1]]), 1, xy, np.array([0, 1]), (side,))
        assert histogram[0].tolist() == np.eye(side * side)[cell].tolist()


def test_histogram_ignores_the_order_of_keypoints_and_is_zero_without_any() -> None:
    rng = np.random.default_rng(0)
    first, share = rng.integers(7, size=200), rng.random(200, np.float32)
    index = np.stack([first, (first + 1) % 7], axis=1).astype(np.int32)
    words = Words(index, np.stack([share, 1 - share], axis=1))
    xy, offsets = rng.random((200, 2), np.float32), np.array([0, 0, 80, 80, 200])
    histograms = pool(words, 7, xy, offsets, (1, 3))
    assert histograms.any(axis=1).tolist() == [False, True, False, True]
    order = np.concatenate([rng.permutation(80), 80 + rng.permutation(120)])
    again = Words(words.index[order], words.weight[order])
    same = pool(again, 7, xy[order], offsets, (1, 3))
    np.testing.assert_allclose(same, histograms, rtol=1e-5)


@pytest.mark.parametrize(
    ("power", "powers"), [(1.0, [9, 16]), (0.5, [3, 4]), (0.25, [3**0.5, 2])]
)
def test_power_and_unit_length_by_hand(power: float, powers: list[float]) -> None:
    counts = np.array([[9, 16], [0, 0]], np.float32)
    expected = np.array(powers) / np.hypot(*powers)
    np.testing.assert_allclose(normalise(counts, power), [expected, [0, 0]], rtol=1e-6)


PYRAMID = Histograms(12, 2000, levels=(1, 2), n_nearest=3)


@pytest.mark.parametrize(
    ("encoder", "length"), [(PYRAMID, 5 * 12), (Vlad(8, 1000), 8 * 128)]
)
def test_each_patch_size_has_a_part_of_unit_length(
    encoder: Encoder, length: int, mnist: Dataset
) -> None:
    bag = encoder.bag(GRIDS, encoder.learn(mnist.train.images[:100], GRIDS, seed=0))
    vectors = bag.vectors(mnist.test.images[:20])
    assert vectors.shape == (20, bag.n_features) == (20, 2 * length)
    lengths = np.linalg.norm(vectors.reshape(20, 2, length), axis=2)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


@pytest.mark.parametrize("encoder", [Histograms(10, 100), Fisher(4, 100)])
@pytest.mark.parametrize("side", [1, 28])
def test_training_without_keypoints_is_refused(encoder: Encoder, side: int) -> None:
    blank = np.zeros((5, side, side), np.uint8)
    with pytest.raises(BadInput, match="5 training images has a keypoint"):
        encoder.learn(blank, [DetectedSift(2)], seed=0)


def test_vocabularies_depend_on_the_seed_but_not_on_the_threads(
    mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn(seed: int, jobs: str) -> list[np.ndarray]:
        monkeypatch.setenv("VISBASE_JOBS", jobs)
        images = mnist.train.images[:450]  # more than two blocks
        return learn_vocabularies(images, GRIDS, 8, 900, seed)

    vocabularies = learn(1, "1")
    assert [v.shape for v in vocabularies] == [(8, 128), (8, 128)]
    np.testing.assert_array_equal(learn(1, "3"), vocabularies)
    assert not np.array_equal(learn(2, "1"), vocabularies)


def test_words_of_an_image_are_those_that_its_histogram_counts(mnist: Dataset) -> None:
    settings = Histograms(n_words=5, n_samples=500, power=1.0)
    image = mnist.train.images[0]
    bag = settings.bag(GRIDS, settings.learn(mnist.train.images[:9], GRIDS, 0))
    counts = np.bincount(bag.words(image), minlength=10).reshape(2, 5)
    parts = bag.vectors(image[None]).reshape(2, 5)
    np.testing.assert_allclose(parts, counts / np.linalg.norm(counts, axis=1)[:, None])
