"""Tell digits from what is no digit: how far an image is from the training digits.

    digit (28, 28) -> gradients and levels of its cells (561,) -> its distance, a number

The distance is the sum of two. One is to the nearest class, each class being a normal
distribution around a subspace (Tipping & Bishop 1999): it grows with everything that
is unlike training digits. The other is by ridge regression between training digits and
drawings that are none (`not_digits`), on random Fourier features (Rahimi & Recht 2007):
it knows in which ways other things look like digits.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, FloatArray, check_layout
from visbase.pipeline.datasets.splits import Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.progress import working
from visbase.pipeline.storage.cache import recall

Exact = NDArray[np.float64]

N_ORIENTATIONS = 8
N_CELLS = 8  # across the image, and down
N_LEVELS = 7  # cells across, and down, of which the mean level counts
N_FEATURES = N_ORIENTATIONS * N_CELLS**2 + N_LEVELS**2
LEVEL = 0.15  # weight of a white cell; the histograms have length 1
N_AXES = 20  # of the subspace of each class
N_FOURIER = 2000
GAMMA = 2.25  # of the RBF kernel that the Fourier features approximate
RIDGE = 0.1
N_DRAWN = 10_000  # twice as many find 1 % more letters
SHARE_DRAWN = 0.6  # of the regression in the sum
MOST_USED = 30_000  # training digits; more change little and take longer
HELD_OUT = 6  # each sixth training digit sets the threshold
FALSE_ALARMS = 0.003  # of held-out digits; of pages, more: their strokes were redrawn
BLOCK = 1000  # images at once
POWER = 4  # of the cosine
WIDTH = 0.6  # of the Gaussian weight, in cells


@dataclass(frozen=True, eq=False)
class Novelty:
    """Distances from the training digits, and from which one on an image is no digit.

    means (C, F), axes (C, F, A), variances (C, A) and rest (C,) of the classes, weights
    (N_FOURIER + 1,); scale (2, 2): mean and standard deviation of either distance of
    held-out digits; threshold.
    """

    learned: Arrays

    def distances(self, images: NDArray[np.uint8]) -> Exact:
        """Compute the distances (n,) of images (n, 28, 28)."""
        features = describe(images)
        (mean, mean_drawn), (spread, spread_drawn) = self.learned["scale"].T.tolist()
        unlike = (_to_classes(features, self.learned) - mean) / spread
        drawn = (_to_drawn(features, self.learned) - mean_drawn) / spread_drawn
        return (1 - SHARE_DRAWN) * unlike + SHARE_DRAWN * drawn

    def is_novel(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether images (n, 28, 28) are no digits: (n,) bool."""
        return np.asarray(self.distances(images) > self.learned["threshold"][0])


def restore_novelty(arrays: Arrays) -> Novelty:
    """Restore from `Novelty.learned`; BadInput if the arrays are unsound."""
    of_classes = {
        "means": f"float32 C {N_FEATURES}",
        "variances": f"float32 C {N_AXES}",
    }
    of_classes |= {"axes": f"float32 C {N_FEATURES} {N_AXES}", "rest": "float32 C"}
    of_drawn = {"weights": f"float32 {N_FOURIER + 1}"}
    ends = {"scale": "float64 2 2", "threshold": "float64 1"}
    check_layout(arrays, of_classes | of_drawn | ends)
    spreads = arrays["variances"], arrays["rest"], arrays["scale"][:, 1]
    if min(spread.min(initial=1) for spread in spreads) <= 0:
        raise BadInput("novelty: expected variances and deviations above 0")
    return Novelty(arrays)


def learn_novelty(train: Split) -> Novelty:
    """Learn from training digits (n, 28, 28); each sixth sets the threshold."""
    from visbase.pipeline.images.digit.not_digits import draw_no_digits

    def learn() -> Arrays:
        # at random: in MNIST, every other digit is an employee's, the others students'
        rows = np.random.default_rng(0).permutation(len(train))[:MOST_USED]
        images, labels = np.asarray(train.images)[rows], train.labels[rows]
        held_out = np.arange(len(labels)) % HELD_OUT == 0
        own = describe(images[~held_out])
        n_drawn = min(N_DRAWN, len(own))
        others = draw_no_digits(images[~held_out], labels[~held_out], n_drawn, seed=0)
        learned = _fit_classes(own, labels[~held_out])
        learned["weights"] = _regress(own, describe(others))
        features = describe(images[held_out])
        both = np.stack([_to_classes(features, learned), _to_drawn(features, learned)])
        learned["scale"] = np.stack([both.mean(axis=1), both.std(axis=1)], axis=1)
        distances = Novelty(learned).distances(images[held_out])
        learned["threshold"] = np.quantile(distances, [1 - FALSE_ALARMS])
        return learned

    key = {"images": np.asarray(train.images), "labels": train.labels}
    with working("learning what is no digit"):
        return Novelty(recall("novelty", key, learn, (learn_novelty, draw_no_digits)))


def describe(images: NDArray[np.uint8]) -> FloatArray:
    """Describe images (n, 28, 28) by the gradients and the levels of their cells.

    -> (n, N_FEATURES) float32: square roots of histograms that sum to 1 (Arandjelovic &
    Zisserman 2012), then mean levels, which tell solid shapes from strokes. A gradient
    counts in an orientation with the power of the cosine between them, if that is
    positive, and in cells with a Gaussian weight.
    """
    n, height, _ = images.shape
    centres = (np.arange(N_CELLS) + 0.5) * height / N_CELLS - 0.5
    off = (np.arange(height) - centres[:, None]) * N_CELLS / height
    pool = np.exp(-(off**2) / 2 / WIDTH**2).astype(np.float32)
    smooth = np.exp(
        -(np.subtract.outer(np.arange(height), np.arange(height)) ** 2) / 1.28
    )
    smooth = (smooth / smooth.sum(axis=1, keepdims=True)).astype(np.float32)
    angles = 2 * np.pi * np.arange(N_ORIENTATIONS) / N_ORIENTATIONS
    features = np.empty((n, N_FEATURES), np.float32)
    for start in range(0, n, BLOCK):
        block = smooth @ images[start : start + BLOCK].astype(np.float32) @ smooth.T
        down, across = np.gradient(block, axis=(1, 2))
        length = np.hypot(down, across) + 1e-6
        cells = []
        for cosine, sine in zip(np.cos(angles), np.sin(angles), strict=True):
            along = np.maximum(float(cosine) * across + float(sine) * down, 0)
            cells.append(pool @ (along**POWER / length ** (POWER - 1)) @ pool.T)
        counts = np.stack(cells, axis=1).reshape(len(block), -1)
        part = features[start : start + BLOCK]
        n_counts = counts.shape[1]
        sums = np.maximum(counts.sum(axis=1, keepdims=True), 1e-6)
        part[:, :n_counts] = np.sqrt(counts / sums)
        grid = images[start : start + BLOCK].reshape(-1, N_LEVELS, 4, N_LEVELS, 4)
        levels = grid.mean(axis=(2, 4), dtype=np.float32).reshape(len(part), -1)
        part[:, n_counts:] = LEVEL / 255 * levels
    return features


def _fit_classes(features: FloatArray, labels: NDArray[np.int64]) -> Arrays:
    """Fit a probabilistic subspace to each class."""
    from scipy.linalg import eigh

    means, axes, variances, rest = [], [], [], []
    for label in np.unique(labels):
        own = features[labels == label].astype(np.float64)
        values, vectors = eigh(np.cov(own.T))
        means.append(own.mean(axis=0))
        axes.append(vectors[:, -N_AXES:])
        variances.append(values[-N_AXES:])
        rest.append(values[:-N_AXES].mean())
    parts = {"means": means, "axes": axes, "variances": variances, "rest": rest}
    least = 1e-9  # of a variance, where a class has few images
    return {
        name: (
            np.maximum(part, least) if name in ("variances", "rest") else np.array(part)
        ).astype(np.float32)
        for name, part in parts.items()
    }


def _to_classes(features: FloatArray, learned: Arrays) -> Exact:
    """-2 log likelihood in the nearest class, without constants: (n,)."""
    nearest = np.full(len(features), np.inf)
    for mean, axes, variances, rest in zip(
        *(learned[name] for name in ("means", "axes", "variances", "rest")), strict=True
    ):
        off = features - mean
        along = off @ axes
        left = (off**2).sum(axis=1) - (along**2).sum(axis=1)
        size = np.log(variances).sum() + (N_FEATURES - N_AXES) * np.log(rest)
        squared = (along**2 / variances).sum(axis=1) + left / rest + size
        nearest = np.minimum(nearest, squared)
    return nearest


def _regress(own: FloatArray, others: FloatArray) -> FloatArray:
    """Weights (N_FOURIER + 1,) of a regression to 0 for `own` and 1 for `others`."""
    from scipy.linalg import solve

    squares = np.zeros((N_FOURIER + 1, N_FOURIER + 1))
    products = np.zeros(N_FOURIER + 1)
    for features, target in ((own, 0.0), (others, 1.0)):
        for start in range(0, len(features), BLOCK):
            waves = _fourier(features[start : start + BLOCK])
            squares += waves.T @ waves
            products += target * waves.sum(axis=0)
    squares[np.diag_indices_from(squares)] += RIDGE
    return np.asarray(solve(squares, products, assume_a="pos"), np.float32)


def _to_drawn(features: FloatArray, learned: Arrays) -> Exact:
    return np.concatenate(
        [
            _fourier(features[start : start + BLOCK]) @ learned["weights"]
            for start in range(0, len(features), BLOCK)
        ]
    ).astype(np.float64)


def _fourier(features: FloatArray) -> FloatArray:
    """Random Fourier features (n, N_FOURIER + 1) of an RBF kernel; the last is 1."""
    directions, phases = _waves()
    waves = np.cos(features @ directions + phases)
    return np.pad(waves, ((0, 0), (0, 1)), constant_values=1)


@functools.cache
def _waves() -> tuple[FloatArray, FloatArray]:
    """Directions (N_FEATURES, N_FOURIER) and phases (N_FOURIER,), always the same."""
    rng = np.random.default_rng(0)
    deviation = np.sqrt(2 * GAMMA)
    directions = rng.normal(0, deviation, (N_FEATURES, N_FOURIER))
    phases = rng.uniform(0, 2 * np.pi, N_FOURIER)
    return directions.astype(np.float32), phases.astype(np.float32)
