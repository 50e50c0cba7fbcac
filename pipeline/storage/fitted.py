"""Fits that are kept on disk, so that none is computed twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, FloatArray
from visbase.pipeline.progress import track
from visbase.pipeline.storage.cache import recall
from visbase.pipeline.svm.kernel import Kernel, KernelSVM, assemble, fit_svm


def fit_svm_cached(
    features: FloatArray,
    labels: NDArray[np.int64],
    kernel: Kernel,
    c: float,
    multi_class: str = "ovo",
    takes_part: NDArray[np.bool_] | None = None,
    balanced: bool = False,
) -> KernelSVM:
    """`fit_svm`, recalled from disk if the same machine was fitted before."""

    def fit() -> Arrays:
        return fit_svm(
            features, labels, kernel, c, multi_class, takes_part, balanced, track
        ).arrays()

    key = {"features": features, "labels": labels, "kernel": kernel, "c": c}
    key |= {"multi_class": multi_class, "takes_part": takes_part, "balanced": balanced}
    return assemble(kernel, multi_class, recall("svm", key, fit, (fit_svm,)))
