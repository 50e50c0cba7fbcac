"""Evaluation against hand arithmetic and against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics

from visbase.pipeline.evaluation import (
    agreement,
    balanced_accuracy,
    class_error_rates,
    cohens_kappa,
    confusion_matrix,
    expected_calibration_error,
    half_error_rates,
    log_loss,
    macro_f1,
    mcnemar_exact,
    mean_and_deviation,
    n_errors,
    n_failures,
    precision_recall_f1,
    probabilities_of,
    receptive_fields,
    wilson_interval,
)


def two_classifiers(
    only_first: int, only_second: int, both: int = 3, neither: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth and two predictions with that many images right for each."""
    truth = np.ones(only_first + only_second + both + neither, np.int64)
    right = [(1, 0)] * only_first + [(0, 1)] * only_second
    right += [(1, 1)] * both + [(0, 0)] * neither
    first, second = np.array(right, np.int64).reshape(-1, 2).T
    return truth, first, second


def test_errors_are_counted() -> None:
    assert n_errors(np.array([7, 2, 1, 0]), np.array([7, 1, 1, 4])) == 2
    assert n_errors(np.array([7, 2]), np.array([7, 2], np.uint8)) == 0
    assert n_errors(np.array([], int), np.array([], int)) == 0


@pytest.mark.parametrize("n", [0, 1, 3])
def test_predictions_of_other_images_are_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"2 true labels but {n} predictions"):
        n_errors(np.array([7, 2]), np.zeros(n, int))


@pytest.mark.parametrize(
    ("errors", "n", "interval"),
    [
        # z^2 = 3.8415; 0 of 10: z^2 / (10 + z^2) = 0.2775
        (0, 10, (0, 0.2775)),
        # 5 of 10: 1/2 -+ 1.96 sqrt(0.25 / 10 + z^2 / 400) / (1 + z^2 / 10)
        (5, 10, (0.2366, 0.7634)),
        (10, 10, (0.7225, 1)),
        (1, 1, (0.20655, 1)),
        # a hundred errors on MNIST's test set
        (100, 10_000, (0.0082293, 0.0121470)),
        (50, 10_000, (0.0037949, 0.0065853)),
    ],
)
def test_wilson_interval_by_hand(
    errors: int, n: int, interval: tuple[float, float]
) -> None:
    assert wilson_interval(errors, n) == pytest.approx(interval, rel=2e-4)


@settings(deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_wilson_interval_is_scipys(errors: int, right: int) -> None:
    n = max(errors + right, 1)
    theirs = binomtest(errors, n).proportion_ci(0.95, "wilson")
    ours = wilson_interval(errors, n)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 10**9), st.floats(0, 1))
def test_wilson_interval_holds_the_rate_and_stays_a_fraction(
    n: int, rate: float
) -> None:
    low, high = wilson_interval(rate * n, n)
    assert 0 <= low <= rate + 1e-12
    assert rate - 1e-12 <= high <= 1
    assert high > low  # no rate is certain


@pytest.mark.parametrize(("errors", "n"), [(0, 0), (-1, 10), (11, 10), (math.nan, 10)])
def test_what_is_no_rate_has_no_interval(errors: float, n: int) -> None:
    with pytest.raises(ValueError, match="expected errors"):
        wilson_interval(errors, n)


def test_mean_and_sample_deviation_by_hand() -> None:
    # deviations -1, 0, 1: squares sum to 2, over n - 1 = 2
    assert mean_and_deviation([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert mean_and_deviation([0.5, 0.7]) == pytest.approx((0.6, 0.2 / math.sqrt(2)))
    mean, deviation = mean_and_deviation([0.45])
    assert mean == 0.45
    assert math.isnan(deviation)
    with pytest.raises(ValueError, match="no values"):
        mean_and_deviation([])


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (1, 5, 0.21875),  # 2 (C(6, 0) + C(6, 1)) / 2^6 = 14 / 64
        (0, 5, 0.0625),  # 2 / 32
        (0, 6, 0.03125),  # 2 / 64
        (2, 3, 1.0),  # 2 (1 + 5 + 10) / 32
        (3, 3, 1.0),  # 2 (1 + 6 + 15 + 20) / 64 is above 1
        (0, 1, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar_exact(*two_classifiers(only_first, only_second)) == p


def test_mcnemar_ignores_images_on_which_both_agree() -> None:
    few = mcnemar_exact(*two_classifiers(1, 5, both=0, neither=0))
    assert mcnemar_exact(*two_classifiers(1, 5, both=900, neither=40)) == few


def test_mcnemar_of_two_wrong_answers_counts_for_neither() -> None:
    truth, first, second = np.array([[7, 7, 7, 7], [1, 1, 7, 1], [2, 2, 2, 2]])
    assert mcnemar_exact(truth, first, second) == 1.0  # one flip: 2 * 1 / 2


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_symmetric_binomial_test(a: int, b: int) -> None:
    truth, first, second = two_classifiers(a, b)
    p = mcnemar_exact(truth, first, second)
    assert p == mcnemar_exact(truth, second, first)
    if a + b:
        assert p == pytest.approx(binomtest(a, a + b).pvalue, rel=1e-9)


def test_mcnemar_of_thousands_of_disagreements_does_not_overflow() -> None:
    p = mcnemar_exact(*two_classifiers(2000, 3000))
    assert p == pytest.approx(binomtest(2000, 5000).pvalue, rel=1e-9)
    assert 0 < p < 1e-40


@pytest.mark.parametrize("n", [1, 3])
def test_mcnemar_of_other_images_is_refused(n: int) -> None:
    labels, fewer = np.array([7, 2]), np.array([7, 7, 7][:n])
    for three in ((labels, labels, fewer), (labels, fewer, labels)):
        with pytest.raises(ValueError, match=r"."):
            mcnemar_exact(*three)


def test_confusion_counts_truth_down_and_prediction_across() -> None:
    truth, prediction = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    expected = [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert confusion_matrix(truth, prediction, 3).tolist() == expected
    with pytest.raises(ValueError, match="up to 1"):
        confusion_matrix(truth, prediction, 2)
    with pytest.raises(ValueError, match="negative"):
        confusion_matrix(truth, prediction - 1, 3)


def test_error_of_each_class_by_hand() -> None:
    rates = class_error_rates(np.array([[3, 1, 0], [0, 0, 0], [2, 2, 0]]))
    assert rates[0] == 0.25
    assert np.isnan(rates[1])
    assert rates[2] == 1


def test_kappa_by_hand() -> None:
    # agreed 0.7; by chance 0.5 x 0.6 + 0.5 x 0.4 = 0.5
    assert cohens_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    assert cohens_kappa(np.array([[4, 0], [0, 0]])) == 1
    assert cohens_kappa(np.array([[0, 5], [5, 0]])) == -1


def test_agreement_failures_and_halves_by_hand() -> None:
    truth = np.array([0, 1, 2, 3])
    first, second = np.array([0, 1, 0, 0]), np.array([0, 0, 0, 3])
    assert agreement([first, second]).tolist() == [[1, 0.5], [0.5, 1]]
    assert n_failures(truth, [first, second]).tolist() == [0, 1, 2, 1]
    assert half_error_rates(truth, first) == (0, 1)
    assert half_error_rates(truth, second) == (0.5, 0.5)


def test_calibration_error_by_hand() -> None:
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    # (0.8, 1]: three images, two right, confidence 0.9: |2 - 2.7|; (0.4, 0.6]: 1 - 0.6
    expected = (0.7 + 0.4) / 4
    found = expected_calibration_error(truth, probabilities, n_bins=5)
    assert found == pytest.approx(expected)
    certain = np.eye(2)[truth]
    assert expected_calibration_error(truth, certain) == 0


def test_precision_recall_and_f1_by_hand() -> None:
    # class 0: 3 of 4 images right, 5 times predicted; class 1: 1 of 2, once; class 2:
    # one image, never predicted; class 3: no image, once predicted
    confusion = np.array([[3, 0, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    precision, recall, f1 = precision_recall_f1(confusion)
    np.testing.assert_allclose(precision, [3 / 5, 1, np.nan, 0])
    np.testing.assert_allclose(recall, [3 / 4, 1 / 2, 0, np.nan])
    np.testing.assert_allclose(f1, [6 / 9, 2 / 3, 0, 0])
    assert macro_f1(confusion) == pytest.approx((6 / 9 + 2 / 3) / 4)
    assert balanced_accuracy(confusion) == pytest.approx((3 / 4 + 1 / 2) / 3)
    confusion[0, 3] = 0
    assert np.isnan(precision_recall_f1(confusion)[2]).tolist() == [0, 0, 0, 1]
    assert macro_f1(confusion) == pytest.approx((6 / 8 + 2 / 3) / 3)


def test_log_loss_by_hand() -> None:
    probabilities = np.array([[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]])
    truth = np.array([0, 1, 1])
    expected = (math.log(2) + math.log(4) + 0) / 3
    assert log_loss(truth, probabilities) == pytest.approx(expected)
    surely_wrong = log_loss(np.array([0]), probabilities[2:])
    assert surely_wrong == pytest.approx(52 * math.log(2))  # 2^-52, not 0
    with pytest.raises(ValueError, match="of the same images"):
        log_loss(truth, probabilities[:2])


def test_receptive_fields_by_hand() -> None:
    assert receptive_fields([]) == []
    assert receptive_fields([(3, 1), (3, 1)]) == [(3, 1), (5, 1)]  # VGG's argument
    # LeNet-5: 5; 5 + 1; 6 + 4 x 2; 14 + 1 x 2
    lenet = receptive_fields([(5, 1), (2, 2), (5, 1), (2, 2)])
    assert lenet == [(5, 1), (6, 2), (14, 2), (16, 4)]


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=4)
)
def test_receptive_field_is_as_far_as_an_output_sees(
    windows: list[tuple[int, int]],
) -> None:
    def inputs_of(output: int) -> tuple[int, int]:
        """The first and the last input of one output, layer by layer backwards."""
        first = last = output
        for kernel, stride in reversed(windows):
            first, last = first * stride, last * stride + kernel - 1
        return first, last

    first, last = inputs_of(0)
    assert receptive_fields(windows)[-1] == (last - first + 1, inputs_of(1)[0])


@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 10_000))
def test_log_loss_is_scikit_learns(n_classes: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n)
    probabilities = rng.dirichlet(np.full(n_classes, 0.3), n)
    expected = metrics.log_loss(truth, probabilities, labels=range(n_classes))
    assert log_loss(truth, probabilities) == pytest.approx(expected)


def test_only_scores_that_add_up_to_one_are_probabilities() -> None:
    probabilities = np.array([[0.2, 0.8], [0.999, 0.001]])
    found = probabilities_of(np.log(probabilities).astype(np.float16))
    assert found == pytest.approx(probabilities, abs=1e-3)
    assert probabilities_of(np.array([[3.0, 1.0], [0.0, 2.0]])) is None


@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 10_000))
def test_measures_agree_with_scikit_learn(n_classes: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, n_classes, (2, n))
    labels = list(range(n_classes))
    confusion = confusion_matrix(truth, prediction, n_classes)
    expected = metrics.confusion_matrix(truth, prediction, labels=labels)
    assert np.array_equal(confusion, expected)
    present = np.unique(truth)
    recall = metrics.recall_score(truth, prediction, labels=present, average=None)
    assert class_error_rates(confusion)[present] == pytest.approx(1 - recall)
    either = np.unique([truth, prediction])
    for ours, theirs, labels in zip(
        precision_recall_f1(confusion),
        (metrics.precision_score, metrics.recall_score, metrics.f1_score),
        (np.unique(prediction), present, either),
        strict=True,
    ):
        expected = theirs(truth, prediction, labels=labels, average=None)
        assert ours[labels] == pytest.approx(expected)
        undefined = np.setdiff1d(np.arange(n_classes), labels)
        assert np.isnan(ours[undefined]).all()
    f1 = metrics.f1_score(truth, prediction, average="macro", zero_division=0)
    assert macro_f1(confusion) == pytest.approx(f1)
    balanced = recall.mean()
    assert balanced_accuracy(confusion) == pytest.approx(balanced)
    if len(present) > 1:
        theirs = metrics.balanced_accuracy_score(truth, prediction)
        assert theirs == pytest.approx(balanced)
    if len(either) > 1:
        kappa = metrics.cohen_kappa_score(truth, prediction)
        assert cohens_kappa(confusion) == pytest.approx(kappa)
