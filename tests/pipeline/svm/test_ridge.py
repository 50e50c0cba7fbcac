"""Ridge regression in blocks equals scikit-learn's in one piece."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Reference

from visbase.pipeline.errors import BadInput
from visbase.pipeline.svm import ridge
from visbase.pipeline.svm.ridge import Ridge

N, D = 90, 25


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (90, 25) far from zero, in classes 0, 1 and 2."""
    monkeypatch.setattr(ridge, "TILE", 8)  # several tiles, the last one smaller
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, N)
    vectors = rng.normal(50 + labels[:, None], 1, (N, D)).astype(np.float32)
    return vectors, labels


def reference(vectors: np.ndarray, labels: np.ndarray, penalty: float) -> Reference:
    length = np.square(vectors - vectors.mean(axis=0)).sum() / len(vectors)
    machine = Reference(alpha=penalty * length)
    return machine.fit(vectors.astype(float), np.eye(3)[labels])


def test_blocks_give_the_weights_of_one_piece_for_any_penalty(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = data
    ours = Ridge(D, 3)
    for rows in np.split(np.arange(N), [10, 40]):
        ours.add(vectors[rows], labels[rows])
    for penalty in (0.1, 3.0, 0.1):  # a factor takes nothing from the sums
        weights, intercepts = ours.solve(penalty)
        expected = reference(vectors, labels, penalty)
        np.testing.assert_allclose(weights, expected.coef_.T, atol=1e-5)
        np.testing.assert_allclose(intercepts, expected.intercept_, atol=1e-3)


def test_images_can_be_added_after_a_solution(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = data
    ours = Ridge(D, 3)
    ours.add(vectors[:60].copy(), labels[:60])
    before, _ = ours.solve(0.1)
    ours.add(vectors[60:].copy(), labels[60:])
    after, _ = ours.solve(0.1)
    expected = reference(vectors, labels, 0.1).coef_.T
    np.testing.assert_allclose(after, expected, atol=1e-5)
    assert np.abs(before - expected).max() > 1e-3


def test_equal_vectors_leave_the_shares_of_the_classes() -> None:
    ours = Ridge(4, 2)
    ours.add(np.full((4, 4), 7, np.float32), np.array([0, 1, 1, 1]))
    weights, intercepts = ours.solve(0.1)
    assert np.abs(weights).max() < 1e-6
    np.testing.assert_allclose(intercepts, [0.25, 0.75])


def test_penalty_that_is_too_small_is_refused() -> None:
    ours = Ridge(20, 2)  # more features than images
    rows = np.random.default_rng(0).normal(size=(5, 20)).astype(np.float32)
    ours.add(rows, np.arange(5) % 2)
    with pytest.raises(BadInput, match="penalty=0: too small"):
        ours.solve(0)
