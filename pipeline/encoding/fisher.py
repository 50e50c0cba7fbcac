"""Fisher vectors: how an image's descriptors would move a mixture of Gaussians.

    images -> descriptors (N, length) -> points (N, D) -> Fisher vectors (n, 2 k D)

Where a histogram counts words, a Fisher vector keeps the mean and the variance of the
descriptors that belong to each: the gradient of their likelihood (Perronnin, Sanchez &
Mensink 2010). One mixture serves all patch sizes.
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
    """How descriptors become a Fisher vector.

    n_gaussians: of the mixture, learned from n_samples descriptors; n_components: of a
    descriptor, that are kept; mirrored: see `FisherBag`.
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
        """The mixture's arrays, from about n_samples descriptors of n images."""
        self._require_components(descriptors)
        rng = np.random.default_rng(seed)
        some = sample_images(images, self.n_gaussians, self.n_samples, rng)
        found = sample_points(some, descriptors, self.n_samples, seed, track)
        values, xy = found[:, :-2], found[:, -2:]
        n_components = self.n_components
        return dict(
            vars(fit_mixture(values, xy, n_components, self.n_gaussians, rng, track))
        )

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> FisherBag:
        """The bag whose mixture was learned before; BadInput if it is none."""
        mixture = Mixture(**arrays)
        n_directions = mixture.components.shape[1]
        if mixture.means.shape[1] != n_directions + 2 or not len(mixture.weights):
            raise BadInput(
                f"Gaussians over {mixture.means.shape[1]} dimensions do not fit "
                f"{n_directions} components and a place"
            )
        if mixture.variances.min() <= 0 or mixture.weights.min() < 0:
            raise BadInput("a mixture with a variance or weight that is not positive")
        return FisherBag(descriptors, mixture, self.mirrored)

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """What arrays must be, see `check_layout`."""
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
                f"a descriptor has 1 to {length} components to keep, found "
                f"{self.n_components}"
            )


@dataclass(frozen=True)
class FisherBag:
    """Descriptors and the mixture that they are compared with.

    mirrored: whether a vector is the mean of the image's and its mirror image's, which
    makes left and right alike: right for photographs, wrong for letters.
    """

    descriptors: Sequence[Descriptor]
    mixture: Mixture
    mirrored: bool

    @property
    def n_features(self) -> int:
        """Length 2 k D of a Fisher vector."""
        return 2 * self.mixture.means.size

    def vectors(self, images: Images) -> FloatArray:
        """n images -> Fisher vectors (n, n_features) of unit length.

        An image without keypoints is a row of zeros.
        """
        vectors = self._vectors(images)
        if self.mirrored:
            vectors += self._vectors([image[:, ::-1] for image in images])
            normalise(vectors, power=1)
        return vectors

    def arrays(self) -> Arrays:
        """What was learned, by name."""
        return dict(vars(self.mixture))

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """What each keypoint of one image adds to weights (n_features,) . vector.

        -> for each descriptor, and again for the mirror image, what it found with its
        places in the image and (N,) values; all together sum to the product.
        """
        views = [image, image[:, ::-1]] if self.mirrored else [image]
        found = [[one.extract([view]) for one in self.descriptors] for view in views]
        points = [self._points(one, 0) for one in found]
        gradients = [_gradient(one, self.mixture) for one in points]
        vectors = [_rooted(gradient) for gradient in gradients]
        # of the mean's unit length, and of each view's own
        length = np.linalg.norm(np.sum(vectors, axis=0))
        weights = (weights / (length or 1)).astype(np.float32)
        result = []
        for view, of_view in enumerate(found):
            own = share_out(vectors[view], gradients[view], weights)
            values = _shares(points[view], self.mixture, own)
            counts = [len(one.xy) for one in of_view]
            parts = np.split(values, np.cumsum(counts)[:-1])
            for one, part in zip(of_view, parts, strict=True):
                if view == 1:  # back to where it is in the image
                    xy = np.stack([1 - one.xy[:, 0], one.xy[:, 1]], axis=1)
                    one = dataclasses.replace(one, xy=xy)
                result.append((one, part))
        return result

    def _vectors(self, images: Images) -> FloatArray:
        found = [descriptor.extract(images) for descriptor in self.descriptors]
        points = [self._points(found, i) for i in range(len(images))]
        return np.stack([fisher_vector(one, self.mixture) for one in points])

    def _points(self, found: Sequence[Descriptors], i: int) -> FloatArray:
        """All of image i's descriptors, whatever their patch size."""
        values, xy = [], []
        for one in found:
            rows = slice(one.offsets[i], one.offsets[i + 1])
            values.append(one.values[rows])
            xy.append(one.xy[rows])
        return self.mixture.project(np.concatenate(values), np.concatenate(xy))


def fisher_vector(points: FloatArray, mixture: Mixture) -> FloatArray:
    """The normalised gradient at one image's points (N, D) -> (2 k D,).

    Means first, then deviations. Signed root, then unit length (Perronnin et al. 2010,
    section 3); no points give zeros.
    """
    return _rooted(_gradient(points, mixture))


def _gradient(points: FloatArray, mixture: Mixture) -> FloatArray:
    """Mean over points (N, D) of their gradients, Fisher-scaled, (2 k D,)."""
    zeroth, first, second = mixture.statistics(points)
    share = zeroth[:, None]
    means, variances = mixture.means, mixture.variances
    n = max(len(points), 1)
    # their equations for the gradients by mean and by deviation, with the sums of
    # posterior, posterior times x and posterior times x^2 taken out
    by_mean = first - share * means
    by_deviation = second - 2 * means * first + share * (np.square(means) - variances)
    halves = np.stack([by_mean, by_deviation]) * _scales(mixture) / np.float32(n)
    return halves.ravel()


def _scales(mixture: Mixture) -> FloatArray:
    """Of a gradient's halves, 1 / (sqrt(w) s) and 1 / (sqrt(2 w) s^2): (2, k, D)."""
    # a Gaussian without weight owns no points: its gradient is 0, not 0 / 0
    root = np.sqrt(np.maximum(mixture.weights, np.float32(1e-12)))[:, None]
    by_mean = 1 / (root * np.sqrt(mixture.variances))
    by_deviation = 1 / (np.float32(np.sqrt(2)) * root * mixture.variances)
    return np.stack([by_mean, by_deviation]).astype(np.float32)


def _rooted(gradient: FloatArray) -> FloatArray:
    rooted = np.copysign(np.sqrt(np.abs(gradient)), gradient)
    return normalise(rooted[None], power=1)[0]


def _shares(points: FloatArray, mixture: Mixture, weights: FloatArray) -> FloatArray:
    """What each point (N, D) adds to weights (2 k D,) . gradient, (N,)."""
    scales = _scales(mixture)
    by_mean, by_deviation = weights.reshape(scales.shape) * scales / max(len(points), 1)
    means, variances = mixture.means, mixture.variances
    constants = by_deviation * (np.square(means) - variances) - by_mean * means
    terms = points @ (by_mean - 2 * by_deviation * means).T
    terms += np.square(points) @ by_deviation.T
    terms += constants.sum(axis=1)
    return (mixture.posteriors(points) * terms).sum(axis=1)
