"""Linear discriminant analysis: one Gaussian per class, one covariance for all.

It has a closed form, so hundreds of classes with few images each cost no more than two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import FloatArray


def fit_discriminant(
    features: FloatArray,
    labels: NDArray[np.int64],
    shrinkage: float,
    balanced: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Fit weights (d, C) and intercepts (C,) to features (n, d) and labels (n,).

    features @ weights + intercepts are log-probabilities of the classes, in the order
    of their labels, up to a constant per row. The covariance within the classes is
    mixed with a multiple of the identity (Friedman 1989): shrinkage is the share of
    that, above 0, since there may be fewer images than features. balanced: whether all
    classes are taken to be equally likely, not as likely as among the labels.
    """
    values = features.astype(np.float64)
    classes, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.stack([values[labels == label].mean(axis=0) for label in classes])
    within = values - means[index]
    covariance = (1 - shrinkage) * (within.T @ within) / len(values)
    # one image per class leaves no variance: any positive number serves then
    variance = max(float(np.square(within).mean()), 1e-6)
    covariance[np.diag_indices_from(covariance)] += shrinkage * variance
    weights = np.linalg.solve(covariance, means.T)
    priors = np.ones_like(counts) / len(counts) if balanced else counts / counts.sum()
    intercepts = np.log(priors) - 0.5 * (weights * means.T).sum(axis=0)
    # fix the memory order: products in another order differ in the last bits
    return np.ascontiguousarray(weights, np.float32), intercepts.astype(np.float32)
