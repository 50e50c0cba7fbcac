"""Each stage of the classical pipeline compared with another library."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.fisher_vectors import OPENCV_BLUR_PX, fisher_vectors
from benchmarks.side_by_side import Pair
from visbase.baselines import svm_rbf
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift, grid_centres
from visbase.pipeline.encoding.assign import BLOCK, nearest
from visbase.pipeline.encoding.histograms import BagOfWords, Histograms
from visbase.pipeline.encoding.vocabulary import learn_vocabulary
from visbase.pipeline.images.batches import pixel_rows
from visbase.pipeline.images.blocks import BLOCK_PIXELS
from visbase.pipeline.svm.kernel import CACHE_MB, Kernel, fit_svm


def pairs() -> Iterator[Pair]:
    """Pairs in the order of the pipeline; each makes its data when it is reached."""
    mnist = load_dataset("mnist")
    digits = np.asarray(mnist.train.images)
    all_digits = np.concatenate([digits, mnist.test.images])
    name = f"{len(all_digits):,} digits"
    for bin_px in (2.0, 3.0):
        yield dense_sift(all_digits, bin_px, 2, name, 4, repeats=3)
    photos = np.tile(photographs(), (5, 1, 1))
    yield dense_sift(photos, 8.0, 4, f"{len(photos)} photographs of 400 x 300", 10)
    yield fisher_vectors()
    yield from nearest_words(digits[:2000])
    yield from opencv_words(digits)
    yield svm()


def dense_sift(
    images: NDArray[np.uint8],
    bin_px: float,
    step_px: int,
    images_name: str,
    at_least: float,
    repeats: int = 5,
) -> Pair:
    """Descriptors at every grid point, with OpenCV's blur, compared with OpenCV's."""
    margin = 2 if step_px == 2 else 8
    grid = DenseSift(bin_px, step_px, margin, OPENCV_BLUR_PX)
    points = keypoints(images.shape[1], images.shape[2], bin_px, step_px, margin)
    sift = cv2.SIFT.create()

    def opencv() -> Any:
        cv2.setNumThreads(1)
        for image in images:
            _, last = sift.compute(image, points)
        return last

    def ours() -> Any:
        n = max(1, BLOCK_PIXELS // images[0].size)  # the pipeline's block size
        for start in range(0, len(images), n):
            last = grid.extract(images[start : start + n]).values
        return last[-len(points) :]

    def cosine(ours: Any, peer: Any) -> str:
        root = np.sqrt(peer / np.maximum(peer.sum(axis=1, keepdims=True), 1))
        kept = peer.any(axis=1)  # without blank patches
        smallest = (ours * root).sum(axis=1)[kept].min()
        return f"smallest cosine in the last image: {smallest:.4f}"

    return Pair(
        f"dense SIFT, {images_name}, {len(points)} points, {bin_px:g} px bins",
        "OpenCV `SIFT.compute`",
        ours,
        opencv,
        at_least,
        repeats=repeats,
        agreement=cosine,
    )


def keypoints(
    height: int, width: int, bin_px: float, step_px: int, margin_px: int
) -> list[cv2.KeyPoint]:
    """The grid as OpenCV's upright keypoints."""
    rows, columns = (grid_centres(side, step_px, margin_px) for side in (height, width))
    return [
        cv2.KeyPoint(float(x), float(y), bin_px / 1.5, 0.0)
        for y, x in product(rows, columns)
    ]


def photographs() -> NDArray[np.uint8]:
    """The two sample photographs of scikit-learn in grey, (2, 300, 400)."""
    from sklearn.datasets import load_sample_images

    grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in load_sample_images().images]
    return np.stack(
        [cv2.resize(g, (400, 300), interpolation=cv2.INTER_AREA) for g in grey]
    )


def nearest_words(digits: NDArray[np.uint8]) -> Iterator[Pair]:
    """Five nearest of 400 words, compared with the matrix product and with faiss."""
    import faiss

    values = DenseSift(3.0, 2, 2).extract(digits).values
    words = learn_vocabulary(values[::20], 400, np.random.default_rng(0), 3)
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(values.shape[1])
    index.add(words)

    def product_alone() -> None:
        for start in range(0, len(values), BLOCK):
            values[start : start + BLOCK] @ words.T

    task = f"5 nearest of 400 words, {len(values):,} descriptors"
    search = partial(nearest, values, words, 5)
    yield Pair(task, "the matrix product alone", search, product_alone, 1 / 1.6)
    yield Pair(
        task,
        "faiss `IndexFlatL2`",
        search,
        lambda: index.search(values, 5),
        agreement=lambda ours, peer: (
            f"{np.mean(ours[0] == peer[1]):.5f} of the words agree"
        ),
    )


def opencv_words(digits: NDArray[np.uint8]) -> Iterator[Pair]:
    """k-means and histograms, compared with OpenCV's bag of visual words."""
    grid = DenseSift(3.0, 2, 2, OPENCV_BLUR_PX)
    values = grid.extract(digits[:350]).values
    n_words, n_iterations = 400, 10

    def train() -> Any:
        cv2.setNumThreads(1)
        stop = (cv2.TERM_CRITERIA_MAX_ITER, n_iterations, 0.0)
        trainer = cv2.xfeatures2d.BOWKMeansTrainer(n_words, stop, 1)
        return trainer.cluster(values)

    def inertia_ratio(ours: Any, peer: Any) -> str:
        sums = [float(nearest(values, w, 1)[1].sum()) for w in (peer, ours)]
        return f"inertia {sums[0] / sums[1]:.3f} times ours"

    yield Pair(
        f"{n_words} words from {len(values):,} descriptors, {n_iterations} iterations",
        "OpenCV `BOWKMeansTrainer`",
        partial(
            learn_vocabulary,
            values,
            n_words,
            np.random.default_rng(0),
            n_iterations,
            tolerance=0.0,
        ),
        train,
        repeats=3,
        agreement=inertia_ratio,
    )
    words = learn_vocabulary(values, n_words, np.random.default_rng(0), 3)
    bag = BagOfWords([grid], [words], Histograms(levels=(1,), n_nearest=1, power=1.0))
    sift, matcher = cv2.SIFT.create(), cv2.BFMatcher(cv2.NORM_L2)
    describe = cv2.xfeatures2d.BOWImgDescriptorExtractor(sift, matcher)
    # words in OpenCV's units; their values do not change its time
    describe.setVocabulary(np.square(words) * 512)
    points = keypoints(digits.shape[1], digits.shape[2], 3.0, 2, 2)
    images = digits[:500]

    def histograms() -> None:
        cv2.setNumThreads(1)
        for image in images:
            describe.compute(image, points)

    yield Pair(
        f"{len(images)} digits to histograms, {len(points)} points, {n_words} words",
        "OpenCV `BOWImgDescriptorExtractor`",
        partial(bag.vectors, images),
        histograms,
        repeats=3,
    )


def svm() -> Pair:
    """One-vs-one machines with the kernel and C of `svm_rbf` on 60,000 digits."""
    from sklearn.svm import SVC

    train = load_dataset("mnist").train
    pixels = pixel_rows(np.asarray(train.images))
    config = svm_rbf.Config()

    def theirs() -> int:
        machine = SVC(C=config.c, gamma=config.gamma, cache_size=CACHE_MB)
        return len(machine.fit(pixels, train.labels).support_)

    def ours() -> int:
        kernel = Kernel("rbf", config.gamma)
        return len(fit_svm(pixels, train.labels, kernel, config.c).rows)

    return Pair(
        "RBF SVM of 60,000 digits, one-vs-one (uses scikit-learn-intelex)",
        "scikit-learn `SVC` (fits in one thread)",
        ours,
        theirs,
        5,
        threads=2,
        repeats=3,
        agreement=lambda n, m: f"{n:,} and {m:,} support vectors",
    )
