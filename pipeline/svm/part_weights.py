"""Weights for the parts of a feature vector, such as shape and colour.

How much colour says about a class depends on the data: most about mushrooms, nearly
nothing about clothes. So the weights are chosen on the training images themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

CANDIDATES = (0.0, 0.1, 0.3, 1.0, 3.0)  # weights of a part's dot products
RIDGE = 0.1  # on the diagonal, for unit vectors; validated on photographs
MOST_IMAGES = 2000  # that the choice is made on


def choose_part_weights(
    features: FloatArray, parts: Sequence[int], labels: NDArray[np.int64], seed: int
) -> FloatArray:
    """Choose how much each part of a vector counts, the first part being given.

    features (n, d), whose parts have these lengths and unit length or zeros; labels
    (n,) -> factors (P,) of the parts, whose squares sum to 1. One part after another
    gets the weight with the fewest leave-one-out errors of a ridge classifier; a tie
    goes to the smaller weight, so that a part that does not help gets none.
    """
    rng = np.random.default_rng(seed)
    if len(labels) > MOST_IMAGES:
        rows = np.sort(rng.choice(len(labels), MOST_IMAGES, replace=False))
        features, labels = features[rows], labels[rows]
    columns = np.split(features, np.cumsum(parts)[:-1], axis=1)
    products = columns[0] @ columns[0].T
    weights = [1.0]
    for part in columns[1:]:
        if not part.any():  # dividing by its weight would only change the ridge
            weights.append(0.0)
            continue
        own = part @ part.T
        errors = [
            leave_one_out_errors((products + w * own) / (sum(weights) + w), labels)
            for w in CANDIDATES
        ]
        weights.append(CANDIDATES[int(np.argmin(errors))])
        products += weights[-1] * own
    return np.sqrt(np.array(weights) / sum(weights)).astype(np.float32)


def leave_one_out_errors(
    products: NDArray[np.floating[Any]], labels: NDArray[np.int64]
) -> int:
    """Count the images that a ridge classifier of all others gets wrong.

    products (n, n): dot products of the images; labels (n,). The classifier fits +1
    for an image's class and -1 for the others, with a constant. All n answers come
    from one inverse (Rifkin & Lippert 2007, "Notes on regularized least squares",
    section 3.2).
    """
    is_class = labels[:, None] == np.unique(labels)
    targets = np.where(is_class, np.float32(1), np.float32(-1))
    inverse = np.linalg.inv(products + 1 + RIDGE * np.eye(len(labels)))
    left_out = targets - (inverse @ targets) / inverse.diagonal()[:, None]
    return int(np.count_nonzero(left_out.argmax(axis=1) != is_class.argmax(axis=1)))
