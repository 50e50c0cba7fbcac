"""Linear machines without a kernel: for more features than rows, and for many rows.

A linear machine depends on the dot products of its rows only. A few thousand rows are
replaced by the Cholesky factor of their dot products. Of many rows, these would take
more memory than the rows themselves: they get the squared hinge loss, whose minimum a
quasi-Newton method finds in about a hundred passes over the rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

MANY = 12_000  # rows from which on the loss is minimised directly
TOLERANCE = 1e-7  # of the loss, relative to its value, between two steps
STEPS = 1000  # at most


def shortened(features: FloatArray) -> FloatArray:
    """Replace rows (n, d) by rows (n, n) with the same dot products if d > n.

    Each machine then multiplies n columns instead of d.
    """
    n, d = features.shape
    if d <= n:
        return features
    products = (features @ features.T).astype(np.float64)
    # rows may be linearly dependent: a ridge far below any margin keeps it definite
    products[np.diag_indices(n)] += 1e-6 * max(products.diagonal().mean(), 1e-12)
    return np.linalg.cholesky(products).astype(np.float32)


def fit_directly(
    features: FloatArray, is_class: NDArray[np.bool_], c: NDArray[np.float64]
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Minimise |w|^2 / 2 + sum_i c_i max(0, 1 - y_i (w . x_i + b))^2 for each class.

    features (n, d); is_class (n, P): y_i is 1 where it is true and -1 elsewhere; c (n,)
    -> normals w (P, d), intercepts b (P,), positions of rows inside a margin. The loss
    is scikit-learn's LinearSVC's, without its penalty on the intercept; the method is
    L-BFGS (Liu & Nocedal 1989), for all classes at once.
    """
    from scipy.optimize import minimize  # slow to import

    signs = np.where(is_class, np.float32(1), np.float32(-1))
    shape = (features.shape[1] + 1, signs.shape[1])
    costs = c.astype(np.float32)[:, None]

    def short_of(weights: FloatArray) -> FloatArray:
        """How far each row is from the right side of each margin, (n, P)."""
        return np.maximum(1 - signs * (features @ weights[:-1] + weights[-1]), 0)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.astype(np.float32).reshape(shape)
        short = short_of(weights)
        pull = -2 * costs * signs * short
        slope = np.vstack([weights[:-1] + features.T @ pull, pull.sum(axis=0)])
        value = np.square(weights[:-1], dtype=np.float64).sum() / 2
        value += (costs * np.square(short)).sum(dtype=np.float64)
        return float(value), slope.ravel().astype(np.float64)

    options = {"ftol": TOLERANCE, "gtol": 0.0, "maxiter": STEPS}
    start = np.zeros(shape[0] * shape[1])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    weights = best.astype(np.float32).reshape(shape)
    carry = np.flatnonzero(short_of(weights).any(axis=1))
    return np.ascontiguousarray(weights[:-1].T), weights[-1], carry
