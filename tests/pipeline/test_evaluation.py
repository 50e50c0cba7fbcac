"""Evaluation against hand arithmetic and against SciPy."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn import metrics

from visbase.pipeline import evaluation as measure
from visbase.pipeline.evaluation import bootstrap


def answers(one: int, other: int, both: int = 3, neither: int = 2) -> list[np.ndarray]:
    """Truth and two predictions, one or the other of them right so many times."""
    right = [(1, 0)] * one + [(0, 1)] * other + [(1, 1)] * both + [(0, 2)] * neither
    first, second = np.array(right, np.int64).reshape(-1, 2).T
    return [np.ones_like(first), first, second]


def test_errors_are_counted() -> None:
    assert measure.n_errors(np.array([7, 2, 1, 0]), np.array([7, 1, 1, 4])) == 2
    assert measure.n_errors(np.array([7, 2]), np.array([7, 2], np.uint8)) == 0
    assert measure.n_errors(np.array([], int), np.array([], int)) == 0


def test_class_outside_the_best_k_is_an_error_and_so_are_ties_and_nan() -> None:
    scores = np.array([[3.0, 2, 1, 0]] * 4 + [[1, 1, 0, 0], [np.nan, 1, 0, 0]])
    truth = np.array([0, 1, 2, 3, 0, 1])
    wrong = [measure.n_outside_top(truth, scores, k) for k in (1, 2, 3, 4)]
    assert wrong == [5, 2, 1, 0]  # a tie for the first place is among the best two


@pytest.mark.parametrize("n", [0, 1, 3])
def test_predictions_of_other_images_are_refused(n: int) -> None:
    truth, other = np.array([7, 2]), np.full(n, 7)
    with pytest.raises(ValueError, match=f"2 true labels but {n} predictions"):
        measure.n_errors(truth, other)
    for first, second in ((truth, other), (other, truth)):
        with pytest.raises(ValueError, match="same images"):
            measure.mcnemar_exact(truth, first, second)


def test_wilson_interval_by_hand() -> None:
    # z^2 = 3.8415; 0 of 10: z^2 / (10 + z^2)
    assert measure.wilson_interval(0, 10) == pytest.approx((0, 0.2775), rel=2e-4)
    # 5 of 10: 1/2 -+ 1.96 sqrt(0.25 / 10 + z^2 / 400) / (1 + z^2 / 10)
    assert measure.wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), rel=2e-4)


@settings(deadline=None)
@given(st.integers(1, 10**9), st.floats(0, 1))
def test_wilson_interval_is_scipys_and_contains_the_rate(n: int, rate: float) -> None:
    errors = round(rate * n)
    expected = binomtest(errors, n).proportion_ci(0.95, "wilson")
    found = measure.wilson_interval(errors, n)
    assert found == pytest.approx(tuple(expected), abs=1e-12)
    low, high = measure.wilson_interval(rate * n, n)  # a mean over seeds
    assert 0 <= low <= rate + 1e-12 and rate - 1e-12 <= high <= 1
    assert high > low  # no rate is certain


@pytest.mark.parametrize(("errors", "n"), [(0, 0), (-1, 10), (11, 10), (math.nan, 10)])
def test_impossible_numbers_of_errors_have_no_interval(errors: float, n: int) -> None:
    with pytest.raises(ValueError, match="expected errors"):
        measure.wilson_interval(errors, n)


def test_mean_and_sample_deviation_by_hand() -> None:
    # deviations -1, 0, 1: squares sum to 2, over n - 1 = 2
    assert measure.mean_and_deviation([1.0, 2.0, 3.0]) == (2.0, 1.0)
    of_two = measure.mean_and_deviation([0.5, 0.7])
    assert of_two == pytest.approx((0.6, 0.2 / math.sqrt(2)))
    mean, deviation = measure.mean_and_deviation([0.45])
    assert mean == 0.45 and math.isnan(deviation)
    with pytest.raises(ValueError, match="no values"):
        measure.mean_and_deviation([])


def test_mcnemar_by_hand() -> None:
    assert measure.mcnemar_exact(*answers(1, 5)) == 0.21875  # 2 (1 + 6) / 2^6
    assert measure.mcnemar_exact(*answers(0, 6)) == 0.03125  # 2 / 2^6
    assert measure.mcnemar_exact(*answers(3, 3)) == 1  # 2 (1 + 6 + 15 + 20) / 2^6 > 1


@settings(deadline=None)
@given(*[st.integers(0, 300)] * 2, *[st.integers(0, 20)] * 2)
@example(2000, 3000, 0, 0)  # too many for a float
@example(0, 0, 1, 1)
def test_mcnemar_is_the_binomial_test(one: int, other: int, both: int, no: int) -> None:
    truth, first, second = answers(one, other, both, no)
    p, n = measure.mcnemar_exact(truth, first, second), one + other
    expected = binomtest(one, n).pvalue if n else 1
    assert p == pytest.approx(expected, rel=1e-9, abs=0)
    assert p == measure.mcnemar_exact(truth, second, first)


def test_labels_outside_the_classes_are_refused() -> None:
    truth, prediction = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    with pytest.raises(ValueError, match="up to 1"):
        measure.confusion_matrix(truth, prediction, 2)
    with pytest.raises(ValueError, match="negative"):
        measure.confusion_matrix(truth, prediction - 1, 3)


def test_independent_classifiers_agree_where_both_are_right_or_equally_wrong() -> None:
    # 0.8 x 0.6 right; 0.2 x 0.4 wrong, a quarter of them by the same label
    assert measure.independent_agreement(0.2, 0.4, 5) == pytest.approx(0.5)
    rng = np.random.default_rng(0)
    truth, first, second = rng.integers(5, size=(3, 100_000))
    first[:60_000] = truth[:60_000]
    second[20_000:80_000] = truth[20_000:80_000]
    errors = [float((labels != truth).mean()) for labels in (first, second)]
    rows = rng.permutation(100_000)  # of the second: no longer of the same images
    both = measure.agreement([(first - truth) % 5, (second - truth)[rows] % 5])[0, 1]
    assert measure.independent_agreement(*errors, 5) == pytest.approx(both, abs=0.01)


def test_agreement_failures_and_halves_by_hand() -> None:
    truth = np.array([0, 1, 2, 3])
    first, second = np.array([0, 1, 0, 0]), np.array([0, 0, 0, 3])
    assert measure.agreement([first, second]).tolist() == [[1, 0.5], [0.5, 1]]
    assert measure.n_failures(truth, [first, second]).tolist() == [0, 1, 2, 1]
    assert measure.half_error_rates(truth, first) == (0, 1)
    assert measure.half_error_rates(truth, second) == (0.5, 0.5)


def test_calibration_error_by_hand() -> None:
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    # (0.8, 1]: three images, two right, confidence 0.9: |2 - 2.7|; (0.4, 0.6]: 1 - 0.6
    expected = (0.7 + 0.4) / 4
    found = measure.expected_calibration_error(truth, probabilities, n_bins=5)
    assert found == pytest.approx(expected)
    assert measure.expected_calibration_error(truth, np.eye(2)[truth]) == 0


def test_precision_recall_and_f1_by_hand() -> None:
    # class 0: 3 of 4 images right, 5 times predicted; class 1: 1 of 2, once; class 2:
    # one image, never predicted; class 3: no image, once predicted
    confusion = np.array([[3, 0, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    precision, recall, f1 = measure.precision_recall_f1(confusion)
    np.testing.assert_allclose(precision, [3 / 5, 1, np.nan, 0])
    np.testing.assert_allclose(recall, [3 / 4, 1 / 2, 0, np.nan])
    np.testing.assert_allclose(measure.class_error_rates(confusion), 1 - recall)
    np.testing.assert_allclose(f1, [6 / 9, 2 / 3, 0, 0])
    assert measure.macro_f1(confusion) == pytest.approx((6 / 9 + 2 / 3) / 4)
    assert measure.balanced_accuracy(confusion) == pytest.approx((3 / 4 + 1 / 2) / 3)


def test_log_loss_by_hand() -> None:
    probabilities = np.array([[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]])
    truth = np.array([0, 1, 0])
    expected = (1 + 2 + 52) / 3 * math.log(2)  # a probability of 0 counts as 2^-52
    assert measure.log_loss(truth, probabilities) == pytest.approx(expected)
    with pytest.raises(ValueError, match="of the same images"):
        measure.log_loss(truth, probabilities[:2])


def test_receptive_fields_by_hand() -> None:
    assert measure.receptive_fields([]) == []
    # LeNet-5: 5; 5 + 1; 6 + 4 x 2; 14 + 1 x 2
    lenet = measure.receptive_fields([(5, 1), (2, 2), (5, 1), (2, 2)])
    assert lenet == [(5, 1), (6, 2), (14, 2), (16, 4)]


WINDOWS = st.tuples(st.integers(1, 5), st.integers(1, 3))  # side, stride


@given(st.lists(WINDOWS, min_size=1, max_size=4))
def test_receptive_field_is_what_an_output_sees(windows: list[tuple[int, int]]) -> None:
    def inputs_of(output: int) -> tuple[int, int]:
        """The first and the last input of one output, layer by layer backwards."""
        first = last = output
        for kernel, stride in reversed(windows):
            first, last = first * stride, last * stride + kernel - 1
        return first, last

    first, last = inputs_of(0)
    assert measure.receptive_fields(windows)[-1] == (last - first + 1, inputs_of(1)[0])


@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 10_000))
def test_log_loss_is_scikit_learns(n_classes: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n)
    probabilities = rng.dirichlet(np.full(n_classes, 0.3), n)
    expected = metrics.log_loss(truth, probabilities, labels=range(n_classes))
    assert measure.log_loss(truth, probabilities) == pytest.approx(expected)


def test_only_scores_that_add_up_to_one_are_probabilities() -> None:
    probabilities = np.array([[0.2, 0.8], [0.999, 0.001]])
    found = measure.probabilities_of(np.log(probabilities).astype(np.float16))
    assert found == pytest.approx(probabilities, abs=1e-3)
    assert measure.probabilities_of(np.array([[3.0, 1.0], [0.0, 2.0]])) is None


@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 10_000))
def test_measures_agree_with_scikit_learn(n_classes: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, n_classes, (2, n))
    labels = list(range(n_classes))
    confusion = measure.confusion_matrix(truth, prediction, n_classes)
    expected = metrics.confusion_matrix(truth, prediction, labels=labels)
    assert np.array_equal(confusion, expected)
    present = np.unique(truth)
    recall = metrics.recall_score(truth, prediction, labels=present, average=None)
    assert measure.class_error_rates(confusion)[present] == pytest.approx(1 - recall)
    either = np.unique([truth, prediction])
    for ours, theirs, labels in zip(
        measure.precision_recall_f1(confusion),
        (metrics.precision_score, metrics.recall_score, metrics.f1_score),
        (np.unique(prediction), present, either),
        strict=True,
    ):
        expected = theirs(truth, prediction, labels=labels, average=None)
        assert ours[labels] == pytest.approx(expected)
        undefined = np.setdiff1d(np.arange(n_classes), labels)
        assert np.isnan(ours[undefined]).all()
    f1 = metrics.f1_score(truth, prediction, average="macro", zero_division=0)
    assert measure.macro_f1(confusion) == pytest.approx(f1)
    assert measure.balanced_accuracy(confusion) == pytest.approx(recall.mean())


def test_interval_over_splits_by_hand() -> None:
    low, high = measure.split_interval([0.8, 0.9], 0.25)
    half = 12.7062 * math.sqrt(0.005) * math.sqrt(1 / 2 + 0.25)
    assert (low, high) == pytest.approx((0.85 - half, 0.85 + half), abs=1e-4)
    assert all(map(math.isnan, measure.split_interval([0.8], 0.25)))


def test_interval_of_a_difference_by_hand() -> None:
    first, second = np.zeros((2, 98), bool)
    first[:9], second[9:13] = True, True  # 9 only first, 4 only second
    half = 1.959964 * math.sqrt((0.10 + 0.05 - 0.05**2) / 100)
    low, high = measure.difference_interval(first, second)
    assert (low, high) == pytest.approx((0.05 - half, 0.05 + half), abs=1e-6)


def test_interval_over_clusters_of_one_value_by_hand() -> None:
    # as if 20 coins were thrown: the mean of 20 draws, each 0 or 1, is binomial
    values, clusters = np.repeat([0.0, 1.0], 50), np.repeat(np.arange(20), 5)
    exact = binom(20, 0.5).ppf([0.025, 0.975]) / 20
    assert bootstrap.cluster_interval(values, clusters) == pytest.approx(
        exact, abs=0.01
    )
    # a single cluster is always drawn; single images are no clusters
    assert bootstrap.cluster_interval(values, np.zeros(100, int)) == (0.5, 0.5)
    alone = bootstrap.cluster_interval(values, np.arange(100))
    assert alone == pytest.approx((0.4, 0.6), abs=0.011)


def test_interval_over_clusters_is_that_of_a_simple_loop() -> None:
    rng = np.random.default_rng(3)
    clusters, values = rng.integers(7, size=60), rng.random(60)
    people, means = np.unique(clusters), []
    draw = np.random.default_rng(5)
    for drawn in draw.integers(len(people), size=(bootstrap.N_DRAWS, len(people))):
        chosen = [values[clusters == people[i]] for i in drawn]
        means.append(np.concatenate(chosen).mean())
    interval = bootstrap.cluster_interval(values, clusters, seed=5)
    assert interval == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])))
    with pytest.raises(ValueError, match="each value"):
        bootstrap.cluster_interval(values, clusters[1:])


def test_gain_of_doubling_follows_a_power_law() -> None:
    right = np.stack([np.arange(1000) >= wrong for wrong in (400, 200, 100, 50)])
    gain, low, high = bootstrap.gain_of_doubling([10, 20, 40, 80], [right])
    assert gain == pytest.approx(0.025, abs=0.001)
    assert 0.015 < low < gain < high < 0.035


def test_interval_of_the_gain_covers_the_truth() -> None:
    rates, sizes = [0.4, 0.3, 0.225, 0.16875], [50, 100, 200, 400]
    truth, n_covered = 0.16875 / 4, 0
    for seed in range(20):
        difficulty = np.random.default_rng(seed).random(300)
        right = np.stack([difficulty > rate for rate in rates])
        _, low, high = bootstrap.gain_of_doubling(sizes, [right])
        n_covered += low <= truth <= high
    assert n_covered >= 17  # 19 of 20 on average
