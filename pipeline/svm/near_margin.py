"""Virtual examples of an SVM: distorted copies of the images near its margin.

Copies of the other images would not become support vectors (DeCoste & Schölkopf 2002
copy support vectors only).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import FloatArray
from visbase.pipeline.images.distort import Distortion, distort
from visbase.pipeline.svm.kernel import KernelSVM

# Margins of the SVM fitted without copies, where a support vector has at most 1.
COPIED_MARGIN = 1.5  # images with a smaller margin are copied
KEPT_MARGIN = 1.3  # copies with a smaller margin are kept


def with_copies(
    svm: KernelSVM,
    images: NDArray[np.uint8],
    features: FloatArray,
    labels: NDArray[np.int64],
    describe: Callable[[NDArray[np.uint8]], FloatArray],
    distortion: Distortion,
    n_copies: int,
    seed: int,
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Append the copies that are near a margin to a training set.

    images (n, h, w), features (n, d), labels (n,) that the svm was fitted to; describe:
    images to features -> features (m, d) and labels (m,), first those of the images.
    """
    rng = np.random.default_rng(seed)
    near = np.flatnonzero(svm.margins(features, labels) < COPIED_MARGIN)
    rows, truth = [features], [labels]
    for _ in range(n_copies):
        copied = describe(distort(images, distortion, rng, near))
        hard = svm.margins(copied, labels[near]) < KEPT_MARGIN
        rows.append(copied[hard])
        truth.append(labels[near][hard])
    return np.concatenate(rows), np.concatenate(truth)
