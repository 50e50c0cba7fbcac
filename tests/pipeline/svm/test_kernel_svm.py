"""Kernels and machines against scikit-learn's, by hand, and on shuffled labels."""

import itertools
from unittest.mock import patch

import numpy as np
import pytest
from sklearn.svm import SVC, LinearSVC

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.deskew import deskew
from visbase.pipeline.svm.kernel import Kernel, KernelSVM, fit_svm, svc, svm_library

Rows = tuple[np.ndarray, np.ndarray]  # of features and labels
RBF, RBF_C = Kernel("rbf", gamma=0.02), 5.0
POLY = Kernel("poly", gamma=0.01, degree=4)
KERNELS = [(Kernel("linear"), 0.1), (POLY, 1.0), (RBF, RBF_C)]
NAMES = [kernel.name for kernel, _ in KERNELS]
by_kernel = pytest.mark.parametrize(("kernel", "c"), KERNELS, ids=NAMES)


def pixels(images: np.ndarray) -> np.ndarray:
    return deskew(images).reshape(len(images), -1) / np.float32(255)


@pytest.fixture(scope="module")
def train(mnist: Dataset) -> Rows:
    """500 deskewed training digits."""
    return pixels(mnist.train.images[:500]), mnist.train.labels[:500]


@pytest.fixture(scope="module")
def unseen(mnist: Dataset) -> Rows:
    """2000 deskewed test digits."""
    return pixels(mnist.test.images[:2000]), mnist.test.labels[:2000]


def test_kernel_values_by_hand_and_a_gaussian_is_at_most_one() -> None:
    x, y = np.array([[1, 2]], np.float32), np.array([[3, 1], [1, 2]], np.float32)
    assert Kernel("linear").matrix(x, y).tolist() == [[5, 5]]
    assert Kernel("poly", gamma=2, degree=2).matrix(x, y).tolist() == [[121, 121]]
    gaussian = Kernel("rbf", gamma=0.1).matrix(x, y)
    assert gaussian.dtype == np.float32
    np.testing.assert_allclose(gaussian, [[np.exp(-0.5), 1]], rtol=1e-6)
    x = 30 * np.random.default_rng(0).random((50, 700), np.float32)
    values = Kernel("rbf", gamma=5).matrix(x, x)
    assert 0 <= values.min() < values.max() <= 1


def test_margin_of_two_points_by_hand() -> None:
    # nearest to the border are -1 and 1: weight 1, intercept 0, half a unit each;
    # the pair (4, 9) decides for 4 where it is positive
    features = np.array([[-1], [1], [-3], [3]], np.float32)
    machine = fit_svm(features, np.array([4, 9, 4, 9]), Kernel("linear"), c=10)
    assert machine.rows.tolist() == [0, 1]
    np.testing.assert_allclose(machine.support, [[-1]], atol=1e-3)
    assert machine.coefficients.tolist() == [[1]]
    points = np.array([[-2], [-0.5], [0.25]], np.float32)
    expected = [[2], [0.5], [-0.25]]
    np.testing.assert_allclose(machine.decisions(points), expected, atol=1e-3)
    assert machine.predict(points).tolist() == [4, 4, 9]


@pytest.mark.skipif(svm_library() == "scikit-learn", reason="no scikit-learn-intelex")
@by_kernel
def test_either_library_gives_the_same_predictions(
    train: Rows, mnist: Dataset, kernel: Kernel, c: float
) -> None:
    fastest = fit_svm(*train, kernel, c)
    with patch("visbase.pipeline.svm.kernel.svm_library", lambda: "scikit-learn"):
        assert type(svc(kernel, c)) is SVC
        plain = fit_svm(*train, kernel, c)
    everything = pixels(mnist.test.images)
    differ = fastest.predict(everything) != plain.predict(everything)
    assert differ.mean() <= 0.0002


def test_support_vectors_are_the_training_rows_that_carry_weight(train: Rows) -> None:
    machine = fit_svm(*train, RBF, RBF_C)
    np.testing.assert_array_equal(machine.support, train[0][machine.rows])
    assert machine.coefficients.any(axis=1).all()
    assert np.abs(machine.coefficients).max() <= RBF_C
    # a row has no weight in a pair that its class has no part in
    pairs = np.array(list(itertools.combinations(range(10), 2)))
    own = (pairs == train[1][machine.rows][:, None, None]).any(axis=2)
    assert not machine.coefficients[~own].any()


def test_features_and_settings_without_a_machine_are_refused() -> None:
    for values, multi_class, message in (
        *(([], "ovo", "no training rows"), ([0, 1], "all", "expected ovo or ovr")),
        *(([0, value], "ovo", "NaN or infinity") for value in (np.nan, np.inf)),
    ):
        rows = np.float32(values)[:, None]
        with pytest.raises((ValueError, BadInput), match=message):
            fit_svm(rows, np.arange(len(rows)), RBF, RBF_C, multi_class)


def test_shuffled_labels_score_near_chance(train: Rows, unseen: Rows) -> None:
    def error(machine: KernelSVM) -> float:
        return float(np.mean(machine.predict(unseen[0]) != unseen[1]))

    shuffled = np.random.default_rng(0).permutation(train[1])
    assert error(fit_svm(*train, RBF, RBF_C)) < 0.15
    assert 0.8 < error(fit_svm(train[0], shuffled, RBF, RBF_C)) < 0.97


@pytest.mark.parametrize("step", [1, 9], ids=["long rows", "short rows"])
@pytest.mark.parametrize("multi_class", ["ovo", "ovr"])
@by_kernel
@patch("visbase.pipeline.svm.kernel.BLOCK", 150)  # several blocks
def test_decisions_scores_and_labels_are_scikit_learns(
    kernel: Kernel, c: float, multi_class: str, step: int, train: Rows, unseen: Rows
) -> None:
    features, labels = train[0][:200, ::step], train[1][:200]
    test = unseen[0][:500, ::step]

    def reference(of: np.ndarray) -> SVC:
        machine = SVC(C=c, kernel=kernel.name, gamma=kernel.gamma, coef0=1)
        machine.set_params(degree=kernel.degree, decision_function_shape="ovo")
        return machine.fit(features, of)

    if multi_class == "ovo":
        golden = reference(labels)
        decisions = golden.decision_function(test)
        golden.set_params(decision_function_shape="ovr")
        scores = golden.decision_function(test)
    else:
        machines = [reference(labels == label) for label in range(10)]
        decisions = np.stack([m.decision_function(test) for m in machines], axis=1)
        scores = decisions
    ours = fit_svm(features, labels, kernel, c, multi_class)
    if kernel.name == "linear":
        assert len(ours.support) == decisions.shape[1]  # one normal per machine
    np.testing.assert_allclose(ours.decisions(test), decisions, atol=0.01)
    # two fits to a tolerance of 0.001 may disagree on the vote of a pair at the border
    same_votes = ((ours.decisions(test) > 0) == (decisions > 0)).all(axis=1)
    assert same_votes.mean() > 0.95
    assert np.abs(ours.scores(test) - scores)[same_votes].max() < 0.01
    assert (ours.predict(test) != scores.argmax(axis=1)).sum() <= 1


@pytest.mark.parametrize("multi_class", ["ovo", "ovr"])
def test_balanced_classes_weigh_like_copies_of_the_small_one(multi_class: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [10, 30])
    features = rng.normal(labels[:, None], 1, (40, 2)).astype(np.float32)
    kernel = Kernel("linear")
    ours = fit_svm(features, labels, kernel, 0.3, multi_class, balanced=True)
    # C n / (2 n_class): 2 and 2 / 3 times C
    thrice = np.concatenate([np.repeat(np.arange(10), 3), np.arange(10, 40)])
    copied = fit_svm(features[thrice], labels[thrice], kernel, 0.2, multi_class)
    expected = copied.decisions(features)
    np.testing.assert_allclose(ours.decisions(features), expected, atol=0.01)
    plain = fit_svm(features, labels, kernel, 0.3, multi_class)
    assert np.abs(plain.decisions(features) - expected).max() > 0.1
    assert (plain.predict(features) == 0).sum() < (ours.predict(features) == 0).sum()


@pytest.mark.parametrize(
    ("multi_class", "expected"), [("ovo", [-1, -4.5, 1]), ("ovr", [1, -4.5, -4.5])]
)
def test_margin_is_the_smallest_decision_for_the_true_class_by_hand(
    multi_class: str, expected: list[float]
) -> None:
    support, coefficients = np.float32([[1]]), np.float32([[2, -1, 0.5]])
    classes, intercepts = np.array([3, 5, 7]), np.float32([0.5, 1, -2])
    parts = (classes, support, np.array([0]), coefficients, intercepts)
    machine = KernelSVM(Kernel("linear"), multi_class, *parts)
    # decisions 4.5, -1, -1 at 2: one-vs-one for 3 against 5, 3 against 7, 5 against 7,
    # one-vs-rest for 3, 5 and 7
    features = np.full((3, 1), 2, np.float32)
    assert machine.margins(features, machine.classes).tolist() == expected


@pytest.mark.parametrize("balanced", [False, True])
@patch("visbase.pipeline.svm.kernel.MANY", 200)
@patch("visbase.pipeline.svm.linear.TOLERANCE", 1e-3)
@patch("visbase.pipeline.svm.linear.EPOCHS", 2000)
def test_many_rows_are_gone_through_as_by_liblinear(
    balanced: bool, train: Rows, unseen: Rows
) -> None:
    n_class = np.bincount(train[1])[train[1]]
    weights = len(train[1]) / 10 / n_class if balanced else None
    ours = fit_svm(*train, Kernel("linear"), 0.3, "ovr", balanced=balanced)
    golden = LinearSVC(loss="hinge", C=0.3, tol=1e-4, max_iter=100_000)
    expected, support = [], np.zeros(len(train[1]), bool)
    for label in range(10):
        golden.fit(train[0], train[1] == label, weights)
        expected.append(golden.decision_function(unseen[0]))
        sides = np.where(train[1] == label, 1, -1)
        support |= sides * golden.decision_function(train[0]) < 1 - 0.01
    decisions = np.stack(expected, axis=1)
    np.testing.assert_allclose(ours.decisions(unseen[0]), decisions, atol=0.02)
    assert len(ours.support) == 10  # one normal per machine
    assert np.isin(np.flatnonzero(support), ours.rows).all()
