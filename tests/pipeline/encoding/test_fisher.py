"""Mixtures against scikit-learn, Fisher vectors against their definition."""

import numpy as np
import pytest
from numpy.typing import ArrayLike
from sklearn.mixture import GaussianMixture

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.fisher import (
    Fisher,
    FloatArray,
    _gradient,
    _rooted,
)
from visbase.pipeline.encoding.mixture import Mixture, _maximise, fit_mixture

GRIDS = (DenseSift(2, 3, 3), DenseSift(4, 5, 6))  # symmetric about the middle


def mixture_of(weights: ArrayLike, means: ArrayLike, variances: ArrayLike) -> Mixture:
    """A mixture of Gaussians; the projection is never used."""
    k = len(np.array(weights))
    return Mixture(
        mean=np.zeros(1, np.float32),
        components=np.ones((1, 1), np.float32),
        weights=np.array(weights, np.float32),
        means=np.array(means, np.float32).reshape(k, -1),
        variances=np.array(variances, np.float32).reshape(k, -1),
    )


RNG = np.random.default_rng(1)
MIXTURE = mixture_of(
    [0.2, 0.5, 0.3], RNG.normal(size=(3, 4)), RNG.uniform(0.5, 2, (3, 4))
)
POINTS = RNG.normal(size=(200, 4)).astype(np.float32)


def fisher_vector(points: FloatArray, mixture: Mixture) -> FloatArray:
    return _rooted(_gradient(points, mixture))


def reference(mixture: Mixture) -> GaussianMixture:
    """scikit-learn's mixture with the same parameters."""
    same = GaussianMixture(len(mixture.weights), covariance_type="diag")
    same.weights_ = mixture.weights.astype(np.float64)
    same.means_ = mixture.means.astype(np.float64)
    same.covariances_ = mixture.variances.astype(np.float64)
    same.precisions_cholesky_ = 1 / np.sqrt(same.covariances_)
    return same


def test_posteriors_are_those_of_scikit_learn_near_and_far_from_the_means() -> None:
    points = np.concatenate([POINTS, np.full((1, 4), 50, np.float32)])
    expected = reference(MIXTURE).predict_proba(points)
    np.testing.assert_allclose(MIXTURE.posteriors(points), expected, atol=1e-5)


def test_fitted_mixture_is_as_likely_as_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    centres = rng.normal(0, 4, (5, 128))[rng.integers(5, size=3000)]
    values = np.float32(centres + rng.normal(size=(3000, 128)))
    xy = rng.random((3000, 2), np.float32)
    ours = fit_mixture(values, xy, 3, 5, np.random.default_rng(0))
    points = ours.project(values, xy)
    theirs = GaussianMixture(5, covariance_type="diag", n_init=3, random_state=0)
    theirs.fit(points)
    assert reference(ours).score(points) > theirs.score(points) - 0.05


def test_fewer_distinct_points_than_gaussians_give_fewer() -> None:
    # apart by their places, which no projection rounds: equal descriptors may be
    # projected to points that differ in the last bit, by their row in the product
    values = np.ones((30, 128), np.float32)
    xy = np.repeat(np.float32([[0, 0], [0.5, 0.25], [0.25, 0.75]]), 10, axis=0)
    fitted = fit_mixture(values, xy, 8, 10, np.random.default_rng(0))
    assert len(fitted.weights) == 3
    assert np.isfinite(fisher_vector(fitted.project(values, xy), fitted)).all()


def test_fisher_vector_is_the_scaled_gradient_of_the_likelihood() -> None:
    points, step = POINTS[:50], 1e-4
    deviations = np.sqrt(MIXTURE.variances.astype(np.float64))
    scale = deviations / np.sqrt(MIXTURE.weights)[:, None]

    by_mean, by_deviation = gradient = np.zeros((2, 3, 4))
    for k, d in np.ndindex(3, 4):
        for move in (step, -step):
            moved = reference(MIXTURE)
            moved.means_[k, d] += move
            by_mean[k, d] += moved.score(points) / (2 * move) * scale[k, d]
            moved = reference(MIXTURE)
            moved.precisions_cholesky_[k, d] = 1 / (deviations[k, d] + move)
            by_deviation[k, d] += moved.score(points) / (2 * move) * scale[k, d]
    by_deviation /= np.sqrt(2)
    expected = np.sign(gradient.ravel()) * np.sqrt(np.abs(gradient.ravel()))
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(fisher_vector(points, MIXTURE), expected, atol=2e-3)


def test_image_and_mirror_image_share_a_fisher_vector(mnist: Dataset) -> None:
    encoder, images = Fisher(8, 2000, 16, mirrored=True), mnist.test.images[:5]
    bag = encoder.bag(GRIDS, encoder.learn(mnist.train.images[:60], GRIDS, seed=0))
    vectors = bag.vectors(images)
    assert vectors.shape == (5, bag.n_features) == (5, 2 * 2 * 8 * 18)
    lengths = [np.linalg.norm(part, axis=1) for part in np.split(vectors, 2, axis=1)]
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    # squares undo the root, which enlarges rounding errors near zero
    squares = [v * np.abs(v) for v in (bag.vectors(images[:, :, ::-1]), vectors)]
    np.testing.assert_allclose(*squares, atol=1e-5)


def test_points_and_their_mirror_images_are_summed_together() -> None:
    parity = np.float32([-1, 1, -1, 1])
    together = MIXTURE.statistics(POINTS, parity)
    apart = zip(
        MIXTURE.statistics(POINTS), MIXTURE.statistics(POINTS * parity), strict=True
    )
    for found, (own, mirrored) in zip(together, apart, strict=True):
        np.testing.assert_allclose(found, own + mirrored, rtol=1e-4, atol=1e-3)
    dense = MIXTURE.posteriors(POINTS).T @ POINTS
    np.testing.assert_allclose(MIXTURE.statistics(POINTS)[1], dense, atol=1e-3)


def test_fisher_vectors_of_one_point_and_of_none_by_hand() -> None:
    # The point 2 is u = 2 deviations above one mean and 2 below the other. The second
    # Gaussian is twice as wide, so its density is half: both posteriors are 1 / 2.
    mixture = mixture_of([1 / 3, 2 / 3], [0, 6], [1, 4])
    point = np.array([[2]], np.float32)
    np.testing.assert_allclose(mixture.posteriors(point), [[0.5, 0.5]], rtol=1e-5)
    by_mean = [0.5 * 2 / (1 / 3) ** 0.5, 0.5 * -2 / (2 / 3) ** 0.5]  # g u / sqrt(w)
    # g (u^2 - 1) / sqrt(2 w)
    by_deviation = [0.5 * 3 / (2 / 3) ** 0.5, 0.5 * 3 / (4 / 3) ** 0.5]
    gradient = np.array(by_mean + by_deviation)
    rooted = np.array([1, -1, 1, 1]) * np.sqrt(np.abs(gradient))
    # unit length: the squares of the roots sum to the absolute gradients
    expected = rooted / np.sqrt(np.abs(gradient).sum())
    np.testing.assert_allclose(fisher_vector(point, mixture), expected, rtol=1e-5)
    assert fisher_vector(point[:0], mixture).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("least", "variances"), [(0, [24 / 25, 24 / 49]), (0.5, [24 / 25, 0.5])]
)
def test_one_em_step_by_hand(least: float, variances: list[float]) -> None:
    # at 1 the second density is exp(2 / variance) = 3 times the first, at -1 a third:
    # the first Gaussian has 1/4, 1/4 and 3/4 of the points, the second the rest
    mixture = mixture_of([0.5, 0.5], [-1, 1], [2 / np.log(3)] * 2)
    points = np.array([[1], [1], [-1]], np.float32)
    step = _maximise(mixture, points, np.full(1, least, np.float32))
    np.testing.assert_allclose(step.weights, [5 / 12, 7 / 12], rtol=1e-5)
    # (1/4 + 1/4 - 3/4) / (5/4) and (3/4 + 3/4 - 1/4) / (7/4)
    np.testing.assert_allclose(step.means[:, 0], [-1 / 5, 5 / 7], rtol=1e-5)
    # the mean of the squares is 1
    np.testing.assert_allclose(step.variances[:, 0], variances, rtol=1e-5)
