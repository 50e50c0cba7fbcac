"""The projection against scikit-learn's exact principal components."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.encoding.projection import fit_projection


def test_subspace_of_low_rank_data_is_that_of_the_exact_solver() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(5, 50)) * np.arange(1, 6)[:, None]
    values = (3 + rng.normal(size=(200, 5)) @ plane).astype(np.float32)
    ours = fit_projection(values, 5, seed=0)
    golden = PCA(5, svd_solver="full").fit(values.astype(np.float64)).components_
    gram = ours.components.T @ ours.components
    np.testing.assert_allclose(gram, np.eye(5), atol=1e-5)
    # cosines of the angles between the two planes
    cosines = np.linalg.svd(golden @ ours.components, compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-5)
    restored = ours.apply(values) @ ours.components.T + ours.mean
    np.testing.assert_allclose(restored, values, atol=1e-3)


def test_projected_digits_are_centred_ordered_and_varied(mnist: Dataset) -> None:
    values = mnist.train.images[:500, ::2, ::2].reshape(500, -1) / np.float32(255)
    projected = fit_projection(values, 20, seed=0).apply(values)
    assert (projected.shape, projected.dtype) == ((500, 20), np.float32)
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-3)
    variances = projected.var(axis=0, ddof=1)
    assert (np.diff(variances) < 0).all()
    golden = PCA(20, svd_solver="full").fit(values).explained_variance_
    assert variances.sum() == pytest.approx(golden.sum(), rel=0.005)


@pytest.mark.parametrize(("n", "d", "expected"), [(10, 50, 10), (50, 8, 8), (2, 5, 2)])
def test_no_more_components_than_exist(n: int, d: int, expected: int) -> None:
    values = np.random.default_rng(0).random((n, d), np.float32)
    projection = fit_projection(values, 300, seed=0)
    assert projection.components.shape == (d, expected)
    assert np.isfinite(projection.apply(values)).all()
