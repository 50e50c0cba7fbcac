"""Fisher vectors: how an image's descriptors would move a mixture of Gaussians.

    images -> descriptors (N, length) -> points (N, D) -> Fisher vectors (n, 2 k D)

A histogram counts the descriptors of each word. A Fisher vector measures how their mean
and variance differ from those of each Gaussian: it is the gradient of their
log-likelihood (Perronnin, Sanchez & Mensink 2010). One mixture serves all patch sizes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import (
    Arrays,
    Descriptor,
    Descriptors,
    FloatArray,
    Images,
    Track,
    untracked,
)
from visbase.pipeline.encoding.mixture import Mixture, fit_mixture
from visbase.pipeline.encoding.pool import normalise, share_out
from visbase.pipeline.encoding.sample import sample_images, sample_points
from visbase.pipeline.errors import BadInput


@dataclass(frozen=True)
class Fisher:
    """Settings for encoding descriptors as a Fisher vector.

    n_gaussians: size of the mixture; n_samples: number of descriptors that it is
    learned from; n_components: principal components kept of each descriptor; mirrored:
    see `FisherBag`.
    """

    n_gaussians: int = 64
    n_samples: int = 100_000
    n_components: int = 64
    mirrored: bool = True

    def learn(
        self,
        images: Images,
        descriptors: Sequence[Descriptor],
        seed: int,
        track: Track = untracked,
    ) -> Arrays:
        """Learn the mixture from about n_samples descriptors of n images."""
        self._require_components(descriptors)
        rng = np.random.default_rng(seed)
        sampled = sample_images(images, self.n_gaussians, self.n_samples, rng)
        points = sample_points(sampled, descriptors, self.n_samples, seed, track)
        values, xy = points[:, :-2], points[:, -2:]
        n_components = self.n_components
        return dict(
            vars(fit_mixture(values, xy, n_components, self.n_gaussians, rng, track))
        )

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> FisherBag:
        """Create the bag from a learned mixture; BadInput if its arrays are invalid."""
        mixture = Mixture(**arrays)
        n_directions = mixture.components.shape[1]
        if mixture.means.shape[1] != n_directions + 2 or not len(mixture.weights):
            raise BadInput(
                f"mixture: expected Gaussians over {n_directions + 2} dimensions, "
                f"found {len(mixture.weights)} over {mixture.means.shape[1]}"
            )
        if mixture.variances.min() <= 0 or mixture.weights.min() < 0:
            raise BadInput("mixture: expected variances above 0 and weights from 0")
        return FisherBag(descriptors, mixture, self.mirrored)

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """Return the layout of the learned arrays, see `check_layout`."""
        self._require_components(descriptors)
        length = descriptors[0].length
        return {
            "mean": f"float32 {length}",
            "components": f"float32 {length} d",
            "weights": "float32 k",
            "means": "float32 k D",
            "variances": "float32 k D",
        }

    def _require_components(self, descriptors: Sequence[Descriptor]) -> None:
        length = descriptors[0].length
        if not 1 <= self.n_components <= length:
            raise BadInput(
                f"n_components={self.n_components}: expected 1 to {length}, the "
                "length of a descriptor"
            )


@dataclass(frozen=True)
class FisherBag:
    """Descriptors and the mixture that encodes them.

    mirrored: whether to average the vectors of an image and its mirror image, so that
    left and right look the same: useful for photographs, harmful for letters.
    """

    descriptors: Sequence[Descriptor]
    mixture: Mixture
    mirrored: bool

    @property
    def n_features(self) -> int:
        """Length 2 k D of a Fisher vector."""
        return 2 * self.mixture.means.size

    def vectors(self, images: Images) -> FloatArray:
        """Compute Fisher vectors of unit length: n images -> (n, n_features).

        An image without keypoints is a row of zeros.
        """
        vectors = self._vectors(images)
        if self.mirrored:
            vectors += self._vectors([image[:, ::-1] for image in images])
            normalise(vectors, power=1)
        return vectors

    def arrays(self) -> Arrays:
        """Return the learned arrays by name."""
        return dict(vars(self.mixture))

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """Compute what each keypoint adds to weights (n_features,) . vector.

        -> for each descriptor, and again for the mirror image, the keypoints with their
        positions in the image and their values (N,). All values sum to the product.
        """
        views = [image, image[:, ::-1]] if self.mirrored else [image]
        keypoints = [[d.extract([view]) for d in self.descriptors] for view in views]
        points = [self._points(groups, 0) for groups in keypoints]
        gradients = [_gradient(of_view, self.mixture) for of_view in points]
        vectors = [_rooted(gradient) for gradient in gradients]
        # undo the scaling of the mean to unit length, then the scaling of each view
        length = np.linalg.norm(np.sum(vectors, axis=0))
        weights = (weights / (length or 1)).astype(np.float32)
        result = []
        for view, groups in enumerate(keypoints):
            of_gradient = share_out(vectors[view], gradients[view], weights)
            values = _shares(points[view], self.mixture, of_gradient)
            counts = [len(group.xy) for group in groups]
            parts = np.split(values, np.cumsum(counts)[:-1])
            for group, part in zip(groups, parts, strict=True):
                if view == 1:  # mirror the positions back
                    xy = np.stack([1 - group.xy[:, 0], group.xy[:, 1]], axis=1)
                    group = dataclasses.replace(group, xy=xy)
                result.append((group, part))
        return result

    def _vectors(self, images: Images) -> FloatArray:
        groups = [descriptor.extract(images) for descriptor in self.descriptors]
        points = [self._points(groups, i) for i in range(len(images))]
        return np.stack([fisher_vector(of_image, self.mixture) for of_image in points])

    def _points(self, groups: Sequence[Descriptors], i: int) -> FloatArray:
        """Project the descriptors of image i, of all patch sizes -> (N, D)."""
        values, xy = [], []
        for group in groups:
            rows = slice(group.offsets[i], group.offsets[i + 1])
            values.append(group.values[rows])
            xy.append(group.xy[rows])
        return self.mixture.project(np.concatenate(values), np.concatenate(xy))


def fisher_vector(points: FloatArray, mixture: Mixture) -> FloatArray:
    """Compute the normalised gradient of one image: points (N, D) -> (2 k D,).

    The gradient by the means comes first, then by the standard deviations. It gets a
    signed square root, then unit length (Perronnin et al. 2010, section 3). Without
    points it is zero.
    """
    return _rooted(_gradient(points, mixture))


def _gradient(points: FloatArray, mixture: Mixture) -> FloatArray:
    """Average the Fisher-scaled gradients of points (N, D) -> (2 k D,)."""
    zeroth, first, second = mixture.statistics(points)
    share = zeroth[:, None]
    means, variances = mixture.means, mixture.variances
    n = max(len(points), 1)
    # the published gradients by mean and by deviation, rearranged so that they need
    # only the sums of the posterior, of posterior times x and of posterior times x^2
    by_mean = first - share * means
    by_deviation = second - 2 * means * first + share * (np.square(means) - variances)
    halves = np.stack([by_mean, by_deviation]) * _scales(mixture) / np.float32(n)
    return halves.ravel()


def _scales(mixture: Mixture) -> FloatArray:
    """Scales of both halves: 1 / (sqrt(w) s) and 1 / (sqrt(2 w) s^2), (2, k, D)."""
    # a Gaussian of weight 0 has no points: keep its gradient 0 instead of 0 / 0
    root = np.sqrt(np.maximum(mixture.weights, np.float32(1e-12)))[:, None]
    by_mean = 1 / (root * np.sqrt(mixture.variances))
    by_deviation = 1 / (np.float32(np.sqrt(2)) * root * mixture.variances)
    return np.stack([by_mean, by_deviation]).astype(np.float32)


def _rooted(gradient: FloatArray) -> FloatArray:
    rooted = np.copysign(np.sqrt(np.abs(gradient)), gradient)
    return normalise(rooted[None], power=1)[0]


def _shares(points: FloatArray, mixture: Mixture, weights: FloatArray) -> FloatArray:
    """Compute what each point (N, D) adds to weights (2 k D,) . gradient: (N,)."""
    scales = _scales(mixture)
    by_mean, by_deviation = weights.reshape(scales.shape) * scales / max(len(points), 1)
    means, variances = mixture.means, mixture.variances
    constants = by_deviation * (np.square(means) - variances) - by_mean * means
    terms = points @ (by_mean - 2 * by_deviation * means).T
    terms += np.square(points) @ by_deviation.T
    terms += constants.sum(axis=1)
    return (mixture.posteriors(points) * terms).sum(axis=1)
