"""Digits from another dataset, tested beside the corrupted ones."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.experiments.corruptions import Batch, rounded


def other_hand() -> tuple[Batch, NDArray[np.int64]]:
    """Digits from another dataset: the 1,797 of scikit-learn, (n, 28, 28), labels (n,).

    Alpaydin & Kaynak 1998, 8 x 8 counts of ink from 0 to 16, from other writers on
    other paper. Enlarged to 20 x 20 in the middle of 28 x 28 pixels, as MNIST's are.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    result = np.zeros((len(digits.images), 28, 28), np.uint8)
    for small, large in zip(digits.images, result, strict=True):
        grown = cv2.resize(
            small.astype(np.float32), (20, 20), interpolation=cv2.INTER_CUBIC
        )
        large[4:24, 4:24] = rounded(grown * (255 / 16))
    return result, digits.target.astype(np.int64)
