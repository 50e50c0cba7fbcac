"""Nearest words against brute force, k-means against scikit-learn, weights by hand."""

from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import chisquare
from sklearn.cluster import KMeans

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.assign import BLOCK, assign_hard, assign_soft, nearest
from visbase.pipeline.encoding.sample import _rng_of
from visbase.pipeline.encoding.vocabulary import (
    _means,
    learn_vocabulary,
    seed_plus_plus,
)
from visbase.pipeline.images.photo_files import PhotoFiles

LINE = np.array([[0.0], [2.0], [10.0]], np.float32)  # three words on a line


def random_rows(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d), np.float32)


@pytest.fixture(scope="module")
def digit_values(mnist: Dataset) -> np.ndarray:
    """2400 descriptors of 150 digits."""
    return DenseSift(3, 6, 4).extract(mnist.train.images[:150]).values


@pytest.mark.parametrize(("m", "n_words"), [(1, 30), (5, 30), (30, 30), (5, 64)])
def test_nearest_words_are_those_of_brute_force(m: int, n_words: int) -> None:
    values = random_rows(BLOCK + 500, 16, seed=0)  # more than one block
    vocabulary = random_rows(n_words, 16, seed=1)  # of whole groups or not
    index, distance = nearest(values, vocabulary, m)
    every = cdist(values, vocabulary, "sqeuclidean")
    golden = np.sort(every, axis=1)[:, :m]
    np.testing.assert_allclose(distance, golden, atol=1e-5)
    own = np.take_along_axis(every, index.astype(np.int64), axis=1)
    np.testing.assert_allclose(own, golden, atol=1e-5)
    assert all(len(set(row)) == m for row in index.tolist())


def test_tie_goes_to_the_first_word_and_no_descriptors_have_none() -> None:
    words = assign_hard(np.array([[1.0], [6.0]], np.float32), LINE)
    assert words.index.tolist() == [[0], [1]]
    assert words.weight.tolist() == [[1], [1]]
    nothing = assign_hard(LINE[:0], LINE)
    assert nothing.index.shape == nothing.weight.shape == (0, 1)


def test_distance_of_a_word_to_itself_is_never_negative() -> None:
    words = 100 * random_rows(50, 128, seed=2)
    index, distance = nearest(words, words, 1)
    assert index[:, 0].tolist() == list(range(50))
    assert distance.min() >= 0


@pytest.mark.parametrize("value", [3e38, np.inf, np.nan])
@pytest.mark.parametrize("n_sane", [0, 2])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_words_beyond_all_numbers_have_an_index(value: float, n_sane: int) -> None:
    words = np.full((200, 16), value, np.float32)
    words[:n_sane] = random_rows(n_sane, 16, seed=3)
    index, _ = nearest(random_rows(300, 16, seed=4), words, 5)
    assert index.min() >= 0 and index.max() < 200


@pytest.mark.parametrize("m", [0, 4])
def test_no_neighbours_or_more_than_there_are_words_are_refused(m: int) -> None:
    with pytest.raises(ValueError, match=rf"1 to 3 .*found {m}"):
        nearest(LINE, LINE, m)


@pytest.mark.parametrize(
    ("values", "n_words"), [(LINE[:0], 2), (LINE, 0), (np.float32([[np.nan]]), 1)]
)
def test_nothing_to_learn_from_is_refused(values: np.ndarray, n_words: int) -> None:
    with pytest.raises(ValueError, match="expected finite descriptors"):
        learn_vocabulary(values, n_words, np.random.default_rng(0))


def test_soft_weights_by_hand() -> None:
    words = assign_soft(np.array([[0.5]], np.float32), LINE, 2, softness=4)
    # squared distances 0.25 and 2.25: the second weighs exp(-2 / 4) of the first
    second = np.exp(-0.5)
    assert words.index.tolist() == [[0, 1]]
    expected = [[1 / (1 + second), second / (1 + second)]]
    np.testing.assert_allclose(words.weight, expected, rtol=1e-6)


@pytest.mark.parametrize("softness", [1e-4, 0.1, 100.0])
def test_soft_weights_sum_to_one_and_fall_with_distance(softness: float) -> None:
    values = random_rows(500, 8, seed=0)
    values[0] = 1000  # so far away that exp(-distance) alone would be 0 / 0
    weight = assign_soft(values, random_rows(20, 8, seed=1), 5, softness).weight
    assert weight.shape == (500, 5)
    np.testing.assert_allclose(weight.sum(axis=1), 1, rtol=1e-5)
    assert (np.diff(weight, axis=1) <= 0).all()


def test_fewer_words_than_asked_neighbours_are_all_used() -> None:
    words = assign_soft(np.array([[3.0], [9.0]], np.float32), LINE, 5, softness=10)
    assert words.index.tolist() == [[1, 0, 2], [2, 1, 0]]
    np.testing.assert_allclose(words.weight.sum(axis=1), 1, rtol=1e-6)


def test_inertia_is_that_of_scikit_learn(digit_values: np.ndarray) -> None:
    ours, golden = [], []
    for seed in range(3):
        words = learn_vocabulary(digit_values, 10, np.random.default_rng(seed))
        ours.append(nearest(digit_values, words, 1)[1].sum(dtype=np.float64))
        peer = KMeans(10, n_init=1, max_iter=30, random_state=seed).fit(digit_values)
        golden.append(peer.inertia_)
    assert np.mean(ours) == pytest.approx(np.mean(golden), rel=0.02)


def test_vocabulary_is_a_fixed_point_of_the_iteration(digit_values: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    words = learn_vocabulary(digit_values, 8, rng, n_iterations=200, tolerance=0)
    index = nearest(digit_values, words, 1)[0][:, 0]
    means = [digit_values[index == word].mean(axis=0) for word in range(8)]
    np.testing.assert_allclose(words, means, atol=1e-5)


def test_fewer_distinct_descriptors_than_words_give_fewer_words() -> None:
    distinct = random_rows(3, 128, seed=0)
    values = np.repeat(distinct, 50, axis=0)
    words = learn_vocabulary(values, 10, np.random.default_rng(0))
    assert words.shape == (3, 128)
    by_first = [rows[rows[:, 0].argsort()] for rows in (words, distinct)]
    np.testing.assert_allclose(*by_first, rtol=1e-5)


def test_word_without_descriptors_moves_to_the_worst_served_one() -> None:
    values = np.array([[0.0], [1.0], [50.0], [1.0]], np.float32)
    # all to the first of two words, which is at 1
    sums, counts = np.array([[52.0], [0.0]]), np.array([4, 0])
    distance = np.array([1, 0, 2401, 0], np.float32)
    assert _means(values, sums, counts, distance).tolist() == [[13], [50]]


def test_vocabulary_does_not_depend_on_the_number_of_threads(
    digit_values: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    # many shares
    monkeypatch.setattr("visbase.pipeline.encoding.vocabulary.SHARE", 100)
    words = []
    for jobs in ("1", "2", "5"):
        monkeypatch.setenv("VISBASE_JOBS", jobs)
        words.append(learn_vocabulary(digit_values, 12, np.random.default_rng(0)))
    np.testing.assert_array_equal(words[1:], [words[0]] * 2)


def test_seeds_are_distinct_descriptors() -> None:
    values = np.repeat(random_rows(30, 4, seed=0), 3, axis=0)
    seeds = seed_plus_plus(values, 30, np.random.default_rng(0))
    np.testing.assert_array_equal(np.unique(seeds, axis=0), np.unique(values, axis=0))


def test_seeds_are_drawn_in_proportion_to_the_squared_distance() -> None:
    places, rng = [0.0, 1.0, 3.0, 7.0], np.random.default_rng(0)
    values = np.array(places, np.float32)[:, None]
    drawn = Counter(tuple(seed_plus_plus(values, 3, rng)[:, 0]) for _ in range(4000))
    orders = list(permutations(places, 3))
    expected = []
    for a, b, c in orders:
        after_one = {x: (x - a) ** 2 for x in places}
        after_two = {x: min((x - a) ** 2, (x - b) ** 2) for x in places}
        chance = after_one[b] / sum(after_one.values())
        expected.append(1000 * chance * after_two[c] / sum(after_two.values()))
    assert chisquare([drawn[order] for order in orders], expected).pvalue > 0.01


def test_descriptor_that_differs_leaves_nearly_all_other_seeds(
    digit_values: np.ndarray,
) -> None:
    seeds = seed_plus_plus(digit_values, 48, np.random.default_rng(0))
    for row in range(0, 2400, 200):
        values = digit_values.copy()
        values[row] = values[row, ::-1]
        changed = seed_plus_plus(values, 48, np.random.default_rng(0))
        assert (cdist(seeds, changed).min(axis=1) == 0).sum() >= 45


def test_photographs_of_one_size_are_sampled_at_different_points() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 300, 400), np.uint8)
    first, second, again = (
        _rng_of(images[i : i + 1], 0).random(5).tolist() for i in (0, 1, 0)
    )
    assert first == again != second


def test_photographs_that_were_not_read_yet_have_points_of_their_own() -> None:
    names = ["unread train/n01440764/1.JPEG 7", "unread train/n01440764/2.JPEG 7"]
    photos = [PhotoFiles([Path("x")], np.ones((1, 2), np.int64), [n]) for n in names]
    first, second = (_rng_of(one, 0).random(5).tolist() for one in photos)
    assert first != second
