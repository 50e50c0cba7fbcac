"""Each stage of the classical path against what others use for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side import Pair
from pipeline.assign import assign_soft
from pipeline.data import load_dataset
from pipeline.dense_sift import DenseSift, grid_centres
from pipeline.images import pixel_rows
from pipeline.kernel_svm import Kernel, fit_svm
from pipeline.vocabulary import learn_vocabulary

N_DIGITS = 10_000
OPENCV_BLUR_PX = 1.5199  # sqrt(1.6^2 - 0.5^2): what OpenCV's SIFT does before


def pairs() -> Iterator[Pair]:
    """In the order of the path; each one's data is made when it is its turn."""
    digits = np.asarray(load_dataset("mnist").train.images)
    for bin_px in (2.0, 3.0):
        yield dense_sift(digits[:N_DIGITS], bin_px, 2, f"{N_DIGITS:,} digits", 4)
    yield dense_sift(photographs(), 8.0, 4, "photographs of 400 x 300", 10)
    yield nearest_words(digits[:2000])
    yield vocabulary(digits)
    yield svm()


def dense_sift(
    images: NDArray[np.uint8], bin_px: float, step_px: int, what: str, at_least: float
) -> Pair:
    """Descriptors at every grid point, with OpenCV's smoothing, against its own."""
    margin = 2 if step_px == 2 else 8
    grid = DenseSift(bin_px, step_px, margin, OPENCV_BLUR_PX)
    rows, columns = (grid_centres(side, step_px, margin) for side in images.shape[1:])
    keypoints = [
        cv2.KeyPoint(float(x), float(y), bin_px / 1.5, 0.0)
        for y, x in product(rows, columns)
    ]
    sift = cv2.SIFT.create()

    def opencv() -> None:
        cv2.setNumThreads(1)
        for image in images:
            sift.compute(image, keypoints)

    def ours() -> None:
        for start in range(0, len(images), 200):
            grid.extract(images[start : start + 200])

    return Pair(
        f"dense SIFT, {what}, {len(keypoints)} points, {bin_px:g} px bins",
        "OpenCV `SIFT.compute`",
        ours,
        opencv,
        at_least,
        repeats=3,
    )


def photographs() -> NDArray[np.uint8]:
    """The two photographs that scikit-learn ships, grey, (2, 300, 400)."""
    from sklearn.datasets import load_sample_images

    grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in load_sample_images().images]
    return np.stack(
        [cv2.resize(g, (400, 300), interpolation=cv2.INTER_AREA) for g in grey]
    )


def nearest_words(digits: NDArray[np.uint8]) -> Pair:
    """Five nearest of 400 words against the matrix product that the search needs."""
    values = DenseSift(3.0, 2, 2).extract(digits).values
    words = learn_vocabulary(values[::20], 400, np.random.default_rng(0), 3)

    def product_alone() -> None:
        for start in range(0, len(values), 4096):
            values[start : start + 4096] @ words.T

    return Pair(
        f"5 nearest of 400 words, {len(values):,} descriptors",
        "the matrix product alone",
        lambda: assign_soft(values, words, 5, 0.1),
        product_alone,
        1 / 1.6,
    )


def vocabulary(digits: NDArray[np.uint8]) -> Pair:
    """400 words from 500,000 descriptors against scikit-learn's k-means."""
    from sklearn.cluster import KMeans

    found = DenseSift(3.0, 2, 2).extract(digits[:3500]).values
    values = found[np.random.default_rng(0).choice(len(found), 500_000, replace=False)]
    inertias = []

    def ours() -> None:
        words = learn_vocabulary(values, 400, np.random.default_rng(0))
        inertias.append(_inertia(values, words))

    def theirs() -> None:
        fitted = KMeans(400, n_init=1, random_state=0, copy_x=False).fit(values)
        print(f"inertia {inertias[-1]:.0f}, scikit-learn {fitted.inertia_:.0f}")

    return Pair(
        "400 words from 500,000 descriptors",
        "scikit-learn `KMeans`",
        ours,
        theirs,
        3,
        threads=2,
        repeats=1,
    )


def _inertia(values: NDArray[np.float32], words: NDArray[np.float32]) -> float:
    from pipeline.assign import nearest

    return float(nearest(values, words, 1)[1].sum(dtype=np.float64))


def svm() -> Pair:
    """The row `svm_rbf`, fitted on all 60,000 digits' pixels."""
    from sklearn.svm import SVC

    train = load_dataset("mnist").train
    pixels = pixel_rows(np.asarray(train.images))
    kernel = Kernel("rbf", 0.02)

    def theirs() -> None:
        SVC(C=10, gamma=kernel.gamma, cache_size=2000).fit(pixels, train.labels)

    return Pair(
        "`svm_rbf` on 60,000 digits, one against one",
        "scikit-learn `SVC`",
        lambda: fit_svm(pixels, train.labels, kernel, 10.0),
        theirs,
        5,
        threads=2,
        repeats=1,
    )
