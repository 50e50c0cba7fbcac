"""The projection against scikit-learn's exact principal components."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.encoding.projection import fit_projection

FloatArray = NDArray[np.float32]


def low_rank(n: int, d: int, rank: int) -> FloatArray:
    """n points of a rank-dimensional plane in d dimensions, away from the origin."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(rank, d)) * np.arange(1, rank + 1)[:, None]
    return (3 + rng.normal(size=(n, rank)) @ plane).astype(np.float32)


def test_subspace_of_low_rank_data_is_that_of_the_exact_solver() -> None:
    values = low_rank(200, 50, rank=5)
    ours = fit_projection(values, 5, seed=0)
    golden = PCA(5, svd_solver="full").fit(values.astype(np.float64)).components_
    np.testing.assert_allclose(
        ours.components.T @ ours.components, np.eye(5), atol=1e-5
    )
    # cosines of the angles between the two planes
    cosines = np.linalg.svd(golden @ ours.components, compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-5)
    restored = ours.apply(values) @ ours.components.T + ours.mean
    np.testing.assert_allclose(restored, values, atol=1e-3)


def test_projection_keeps_as_much_variance_of_digits_as_the_exact_solver(
    mnist: Dataset,
) -> None:
    values = mnist.train.images[:500, ::2, ::2].reshape(500, -1) / np.float32(255)
    ours = fit_projection(values, 20, seed=0).apply(values)
    golden = PCA(20, svd_solver="full").fit(values)
    assert ours.var(axis=0, ddof=1).sum() == pytest.approx(
        golden.explained_variance_.sum(), rel=0.005
    )


def test_projected_training_data_are_centred_and_ordered() -> None:
    projected = fit_projection(low_rank(300, 40, rank=8), 6, seed=0).apply(
        low_rank(300, 40, rank=8)
    )
    assert projected.shape == (300, 6)
    assert projected.dtype == np.float32
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-3)
    assert (np.diff(projected.var(axis=0)) < 0).all()


@pytest.mark.parametrize(("n", "d", "expected"), [(10, 50, 10), (50, 8, 8), (2, 5, 2)])
def test_more_components_than_there_are_become_all_there_are(
    n: int, d: int, expected: int
) -> None:
    values = np.random.default_rng(0).random((n, d), np.float32)
    projection = fit_projection(values, 300, seed=0)
    assert projection.components.shape == (d, expected)
    assert np.isfinite(projection.apply(values)).all()
