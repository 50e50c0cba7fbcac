"""Mixtures against scikit-learn, Fisher vectors against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.fisher import Fisher, FisherBag, fisher_vector
from visbase.pipeline.encoding.mixture import Mixture, _maximise, fit_mixture
from visbase.pipeline.errors import BadInput

FloatArray = NDArray[np.float32]

GRIDS = (DenseSift(2, 4, 4), DenseSift(4, 6, 4))


@pytest.fixture
def mixture() -> Mixture:
    """Three Gaussians over points of 2 + 2 dimensions."""
    rng = np.random.default_rng(1)
    return Mixture(
        mean=np.zeros(2, np.float32),
        components=np.eye(2, dtype=np.float32),
        weights=np.array([0.2, 0.5, 0.3], np.float32),
        means=rng.normal(size=(3, 4)).astype(np.float32),
        variances=rng.uniform(0.5, 2, (3, 4)).astype(np.float32),
    )


def random_points(n: int) -> FloatArray:
    return np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)


def reference(mixture: Mixture) -> GaussianMixture:
    """scikit-learn's mixture with the same parameters."""
    same = GaussianMixture(len(mixture.weights), covariance_type="diag")
    same.weights_ = mixture.weights.astype(np.float64)
    same.means_ = mixture.means.astype(np.float64)
    same.covariances_ = mixture.variances.astype(np.float64)
    same.precisions_cholesky_ = 1 / np.sqrt(same.covariances_)
    return same


def test_posteriors_are_those_of_scikit_learn(mixture: Mixture) -> None:
    points = random_points(200)
    expected = reference(mixture).predict_proba(points)
    np.testing.assert_allclose(mixture.posteriors(points), expected, atol=1e-5)


def test_points_far_from_every_gaussian_still_have_posteriors(mixture: Mixture) -> None:
    shares = mixture.posteriors(np.full((1, 4), 50, np.float32))
    assert np.isfinite(shares).all()
    assert shares.sum() == pytest.approx(1)


def test_fitted_mixture_is_as_likely_as_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    centres = rng.normal(0, 4, (5, 128))
    values = (
        centres[rng.integers(5, size=3000)] + rng.normal(size=(3000, 128))
    ).astype(np.float32)
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


def test_fisher_vector_is_the_scaled_gradient_of_the_likelihood(
    mixture: Mixture,
) -> None:
    points, step = random_points(50), 1e-4
    deviations = np.sqrt(mixture.variances.astype(np.float64))
    scale = deviations / np.sqrt(mixture.weights)[:, None]

    def likelihood(k: int, d: int, by_mean: float, by_deviation: float) -> float:
        moved = reference(mixture)
        moved.means_[k, d] += by_mean
        moved.precisions_cholesky_[k, d] = 1 / (deviations[k, d] + by_deviation)
        return float(moved.score(points))

    def gradient(mean: float, deviation: float) -> list[float]:
        return [
            (likelihood(k, d, mean, deviation) - likelihood(k, d, -mean, -deviation))
            / (2 * step)
            * scale[k, d]
            for k in range(3)
            for d in range(4)
        ]

    raw = np.array(gradient(step, 0) + list(np.array(gradient(0, step)) / np.sqrt(2)))
    expected = np.sign(raw) * np.sqrt(np.abs(raw))
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(fisher_vector(points, mixture), expected, atol=2e-3)


def test_order_of_the_keypoints_leaves_the_fisher_vector(mixture: Mixture) -> None:
    points = random_points(100)
    np.testing.assert_allclose(
        fisher_vector(points[::-1].copy(), mixture),
        fisher_vector(points, mixture),
        atol=1e-4,
    )


def test_image_without_keypoints_has_a_fisher_vector_of_zeros(mixture: Mixture) -> None:
    assert not fisher_vector(np.empty((0, 4), np.float32), mixture).any()


@pytest.fixture(scope="module")
def bag(mnist: Dataset) -> FisherBag:
    encoder = Fisher(8, 2000, 16, mirrored=True)
    images = mnist.train.images[:60]
    return encoder.bag(GRIDS, encoder.learn(images, GRIDS, seed=0))


def test_image_and_mirror_image_share_a_fisher_vector(
    mnist: Dataset, bag: FisherBag
) -> None:
    images = mnist.test.images[:5]
    vectors = bag.vectors(images)
    assert vectors.shape == (5, bag.n_features) == (5, 2 * 8 * 18)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(bag.vectors(images[:, :, ::-1]), vectors, atol=1e-4)


def test_blank_images_of_one_pixel_are_bad_input() -> None:
    tiny = np.zeros((3, 1, 1), np.uint8)
    with pytest.raises(BadInput, match="3 training images has a keypoint"):
        Fisher(4, 100).learn(tiny, GRIDS, seed=0)


def on_a_line(
    weights: list[float], means: list[float], variances: list[float]
) -> Mixture:
    """A mixture over points of one dimension."""
    return Mixture(
        mean=np.zeros(1, np.float32),
        components=np.ones((1, 1), np.float32),
        weights=np.array(weights, np.float32),
        means=np.array(means, np.float32)[:, None],
        variances=np.array(variances, np.float32)[:, None],
    )


def test_fisher_vector_of_one_point_by_hand() -> None:
    # The point 2 is u = 2 deviations above one mean and 2 below the other. The second
    # Gaussian is twice as wide, so its density is half: both posteriors are 1 / 2.
    mixture = on_a_line([1 / 3, 2 / 3], [0, 6], [1, 4])
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


@pytest.mark.parametrize(
    ("least", "variances"), [(0, [24 / 25, 24 / 49]), (0.5, [24 / 25, 0.5])]
)
def test_one_em_step_by_hand(least: float, variances: list[float]) -> None:
    # at 1 the second density is exp(2 / variance) = 3 times the first, at -1 a third:
    # the first Gaussian has 1/4, 1/4 and 3/4 of the points, the second the rest
    mixture = on_a_line([0.5, 0.5], [-1, 1], [2 / np.log(3)] * 2)
    points = np.array([[1], [1], [-1]], np.float32)
    step = _maximise(mixture, points, np.full(1, least, np.float32))
    np.testing.assert_allclose(step.weights, [5 / 12, 7 / 12], rtol=1e-5)
    # (1/4 + 1/4 - 3/4) / (5/4) and (3/4 + 3/4 - 1/4) / (7/4)
    np.testing.assert_allclose(step.means[:, 0], [-1 / 5, 5 / 7], rtol=1e-5)
    # the mean of the squares is 1
    np.testing.assert_allclose(step.variances[:, 0], variances, rtol=1e-5)
