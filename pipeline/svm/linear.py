"""Linear machines without a kernel: for more features than rows, and for many rows.

A linear machine depends on the dot products of its rows only. A few thousand rows are
replaced by the Cholesky factor of their dot products. Those of many rows would take
more memory than the rows themselves: there, dual coordinate descent goes through the
rows again and again (Hsieh, Chang, Lin, Keerthi & Sundararajan 2008, "A dual coordinate
descent method for large-scale linear SVM", algorithm 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Track
from visbase.pipeline.images.blocks import in_threads, n_jobs
from visbase.pipeline.images.compiled import compiled

FloatArray = NDArray[np.float32]

MANY = 4000  # rows from which on they are gone through one by one
TOLERANCE = 0.1  # largest violation of the optimality conditions, as in LIBLINEAR
EPOCHS = 100  # at most


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


def descend(
    features: FloatArray,
    is_class: NDArray[np.bool_],
    c: NDArray[np.float64],
    track: Track,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Minimise (|w|^2 + b^2) / 2 + sum_i c_i max(0, 1 - y_i (w . x_i + b)) for all P.

    features (n, d); is_class (n, P): y_i is 1 where it is true and -1 elsewhere; c (n,)
    -> normals w (P, d), intercepts b (P,), weights of the rows (n, P). The cost of the
    intercept, which a kernel machine does not have, is that of LIBLINEAR.
    """
    n, n_classes = is_class.shape
    signs = np.where(is_class, np.float32(1), np.float32(-1))
    limits, lengths = c.astype(np.float32), np.einsum("nd,nd->n", features, features)
    normals = np.zeros((n_classes, features.shape[1]), np.float32)
    intercepts = np.zeros(n_classes, np.float32)
    duals = np.zeros((n, n_classes), np.float32)
    rng, order = np.random.default_rng(0), np.arange(n)
    # all machines of a thread use a row while it is in the processor's cache
    shares = np.array_split(np.arange(n_classes), min(n_classes, n_jobs()))

    def sweep(share: int) -> float:
        how = (order, signs, lengths, limits, shares[share])
        return float(_sweep(features, *how, normals, intercepts, duals))

    for _ in track(range(EPOCHS), "support vectors", EPOCHS):
        rng.shuffle(order)
        if max(in_threads(sweep, range(len(shares)))) < TOLERANCE:
            break
    return normals, intercepts, duals * signs


@compiled(fastmath={"reassoc", "contract"})
def _sweep(  # type: ignore[no-untyped-def]
    features, order, signs, lengths, limits, machines, normals, intercepts, duals
):
    """Go through all rows once -> the largest violation that was found."""
    largest = np.float32(0)
    d = features.shape[1]
    for i in order:
        row = features[i]
        for p in machines:
            normal = normals[p]
            decision = intercepts[p]
            for j in range(d):
                decision += row[j] * normal[j]
            gradient = signs[i, p] * decision - np.float32(1)
            before = duals[i, p]
            after = before - gradient / (lengths[i] + np.float32(1))
            after = min(max(after, np.float32(0)), limits[i])
            if after == before:
                continue
            largest = max(largest, abs(gradient))
            duals[i, p] = after
            step = (after - before) * signs[i, p]
            intercepts[p] += step
            for j in range(d):
                normal[j] += step * row[j]
    return largest
