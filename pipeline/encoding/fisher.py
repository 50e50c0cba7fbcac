"""Fisher vectors: how an image's descriptors would move a mixture of Gaussians.

    images -> descriptors (N, length) -> points (N, D) -> Fisher vectors (n, 2 k D)

A histogram counts the descriptors of each word. A Fisher vector measures how their mean
and variance differ from those of each Gaussian: it is the gradient of their
log-likelihood (Perronnin, Sanchez & Mensink 2010). Each descriptor has a mixture of its
own, which serves all patch sizes; its vectors are parts of the image's vector.
"""

from __future__ import annotations

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
    Mirrors,
    Track,
    join_parts,
    split_parts,
    untracked,
)
from visbase.pipeline.encoding.mixture import Mixture, fit_mixture
from visbase.pipeline.encoding.pool import normalise, share_out
from visbase.pipeline.encoding.sample import sample_images, sample_points
from visbase.pipeline.errors import BadInput

SAMPLE_IMAGES = 1000  # at most this many are described for the mixtures


@dataclass(frozen=True)
class Fisher:
    """Settings for encoding descriptors as a Fisher vector.

    n_gaussians: size of each mixture; n_samples: number of descriptors that each is
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
        """Learn one mixture per descriptor, each from about n_samples of n images.

        A descriptor that finds no keypoint in any image gets a mixture of no Gaussians;
        BadInput if that happens to all of them.
        """
        self._check(descriptors)
        rng = np.random.default_rng(seed)
        sizes = (self.n_gaussians, self.n_samples)
        sampled = sample_images(images, *sizes, rng, most=SAMPLE_IMAGES)
        samples = sample_points(sampled, descriptors, self.n_samples, seed, track)
        mixtures = []
        for descriptor, points in zip(descriptors, samples, strict=True):
            values, xy = points[:, :-2], points[:, -2:]
            mirror = mirror_of(descriptor) if self.mirrored else None
            shape = (self.n_components, self.n_gaussians)
            mixtures.append(fit_mixture(values, xy, *shape, rng, mirror, track))
        weights = np.ones(len(mixtures), np.float32)
        return FisherBag(descriptors, mixtures, self.mirrored, weights).arrays()

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> FisherBag:
        """Create the bag from learned mixtures; BadInput if an array is invalid."""
        names = [f"mixture{i}" for i in range(len(descriptors))]
        parts = split_parts(arrays, [*names, "parts"])
        mixtures = [Mixture(**parts[name]) for name in names]
        for mixture in mixtures:
            n_directions = mixture.components.shape[1]
            if mixture.means.shape[1] != n_directions + 2:
                raise BadInput(
                    f"mixture: expected Gaussians over {n_directions + 2} dimensions, "
                    f"found {len(mixture.weights)} over {mixture.means.shape[1]}"
                )
            if (mixture.variances <= 0).any() or (mixture.weights < 0).any():
                raise BadInput("mixture: expected variances above 0 and weights from 0")
        return FisherBag(
            descriptors, mixtures, self.mirrored, parts["parts"]["weights"]
        )

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """Return the layout of the learned arrays, see `check_layout`."""
        self._check(descriptors)
        weights = {"parts.weights": f"float32 {len(descriptors)}"}
        return weights | {
            f"mixture{i}.{name}": text
            for i, descriptor in enumerate(descriptors)
            for name, text in {
                "mean": f"float32 {descriptor.length}",
                "components": f"float32 {descriptor.length} d{i}",
                "weights": f"float32 k{i}",
                "means": f"float32 k{i} D{i}",
                "variances": f"float32 k{i} D{i}",
            }.items()
        }

    def _check(self, descriptors: Sequence[Descriptor]) -> None:
        longest = min(descriptor.length for descriptor in descriptors)
        if not 1 <= self.n_components <= longest:
            raise BadInput(
                f"n_components={self.n_components}: expected 1 to {longest}, the "
                "length of a descriptor"
            )


def mirror_of(descriptor: Descriptor) -> NDArray[np.int64]:
    """Return the descriptor's `Mirrors.mirror`; BadInput if it has none."""
    if not isinstance(descriptor, Mirrors):
        raise BadInput(
            f"mirrored=True: {descriptor.name} cannot be mirrored; set mirrored=False"
        )
    return descriptor.mirror


@dataclass(frozen=True)
class FisherBag:
    """Descriptors, the mixture that encodes each of them, and the weight of each part.

    mirrored: whether to encode an image and its mirror image together, so that left and
    right look the same: useful for photographs, harmful for letters. Nothing is
    extracted twice: the descriptors of the mirror image are those of the image with
    their numbers reordered. weights (P,): factors of the parts of a vector.
    """

    descriptors: Sequence[Descriptor]
    mixtures: Sequence[Mixture]
    mirrored: bool
    weights: FloatArray

    @property
    def n_features(self) -> int:
        """Length of a Fisher vector: the sum of 2 k D over the mixtures."""
        return sum(self.parts)

    @property
    def parts(self) -> list[int]:
        """Lengths of the parts of a vector, one per descriptor."""
        return [2 * mixture.means.size for mixture in self.mixtures]

    def weighted(self, weights: FloatArray) -> FisherBag:
        """Return the bag whose parts count by these factors (P,); 0 leaves one out.

        A mixture that is left out keeps its projection but no Gaussian, and its
        descriptors are not extracted any more.
        """
        mixtures = [
            mixture if weight else mixture.emptied()
            for mixture, weight in zip(self.mixtures, weights, strict=True)
        ]
        return FisherBag(self.descriptors, mixtures, self.mirrored, weights)

    def vectors(self, images: Images) -> FloatArray:
        """Compute Fisher vectors: n images -> (n, n_features).

        The length of each part is its weight, or zero without keypoints.
        """
        vectors = np.empty((len(images), self.n_features), np.float32)
        for row, image in zip(vectors, images, strict=True):
            for i, part in self._split(row):
                points = self._points(i, self.descriptors[i].extract([image]))
                part[:] = self.weights[i] * _rooted(self._gradient(i, points))
        return vectors

    def arrays(self) -> Arrays:
        """Return the learned arrays by name."""
        mixtures = {f"mixture{i}": vars(each) for i, each in enumerate(self.mixtures)}
        return join_parts({"parts": {"weights": self.weights}, **mixtures})

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """Compute what each keypoint adds to weights (n_features,) . vector.

        -> for each descriptor the keypoints and their values (N,), the mirror image's
        included. All values sum to the product.
        """
        result = []
        for i, of_part in self._split(weights):
            keypoints = self.descriptors[i].extract([image])
            points = self._points(i, keypoints)
            gradient = self._gradient(i, points)
            of_gradient = share_out(
                _rooted(gradient), gradient, self.weights[i] * of_part
            )
            views = [points, points * self._parity(i)] if self.mirrored else [points]
            of_gradient /= len(views)
            shares = [_shares(v, self.mixtures[i], of_gradient) for v in views]
            result.append((keypoints, np.sum(shares, axis=0)))
        return result

    def _split(self, row: FloatArray) -> list[tuple[int, FloatArray]]:
        """Views of the parts of a row (n_features,) by their numbers, no empty ones."""
        parts = np.split(row, np.cumsum(self.parts)[:-1])
        return [(i, part) for i, part in enumerate(parts) if len(part)]

    def _points(self, i: int, keypoints: Descriptors) -> FloatArray:
        """Project the descriptors of kind i of one image -> (N, D)."""
        return self.mixtures[i].project(keypoints.values, keypoints.xy)

    def _parity(self, i: int) -> FloatArray:
        return self.mixtures[i].parity(mirror_of(self.descriptors[i]))

    def _gradient(self, i: int, points: FloatArray) -> FloatArray:
        parity = self._parity(i) if self.mirrored else None
        return _gradient(points, self.mixtures[i], parity)


def _gradient(
    points: FloatArray, mixture: Mixture, parity: FloatArray | None = None
) -> FloatArray:
    """Average the Fisher-scaled gradients of points (N, D) -> (2 k D,).

    The gradient by the means comes first, then by the standard deviations (Perronnin et
    al. 2010, section 2). Without points it is zero. Given the parity (D,), the average
    is over the points and their mirror images.
    """
    zeroth, first, second = mixture.statistics(points, parity)
    share = zeroth[:, None]
    means, variances = mixture.means, mixture.variances
    n = max(len(points), 1) * (1 if parity is None else 2)
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
    """Signed square roots, then unit length (Perronnin et al. 2010, section 3)."""
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
