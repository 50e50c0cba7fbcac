"""400 words from 500,000 descriptors: time and inertia of several k-means."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side import limited_to
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.assign import nearest
from visbase.pipeline.encoding.vocabulary import learn_vocabulary

FloatArray = NDArray[np.float32]
Learner = Callable[[FloatArray, int], FloatArray]

N_DESCRIPTORS = 500_000
N_WORDS = 400
THREADS = 2
REPEATS = 3
FAISS_ITERATIONS = 25  # its default


def descriptors(n: int) -> FloatArray:
    """n random descriptors of MNIST digits, 3 px bins."""
    digits = np.asarray(load_dataset("mnist").train.images[: n // 144 + 100])
    values = DenseSift(3.0, 2, 2).extract(digits).values
    return values[np.random.default_rng(0).choice(len(values), n, replace=False)]


def ours(values: FloatArray, seed: int) -> FloatArray:
    return learn_vocabulary(values, N_WORDS, np.random.default_rng(seed))


def kmeans(values: FloatArray, seed: int, n_iterations: int = 300) -> FloatArray:
    from sklearn.cluster import KMeans

    model = KMeans(N_WORDS, n_init=1, random_state=seed, max_iter=n_iterations)
    return model.fit(values).cluster_centers_


def mini_batch(values: FloatArray, seed: int) -> FloatArray:
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(N_WORDS, n_init=1, random_state=seed)
    return model.fit(values).cluster_centers_


def faiss(values: FloatArray, seed: int) -> FloatArray:
    import faiss

    faiss.omp_set_num_threads(THREADS)
    model = faiss.Kmeans(
        values.shape[1],
        N_WORDS,
        niter=FAISS_ITERATIONS,
        seed=seed,
        max_points_per_centroid=len(values),  # no subsampling
    )
    model.train(values)
    return np.asarray(model.centroids)


LEARNERS: dict[str, Learner] = {
    "ours": ours,
    "scikit-learn `KMeans`": kmeans,
    "scikit-learn `KMeans`, 30 iterations like ours": partial(kmeans, n_iterations=30),
    "scikit-learn `MiniBatchKMeans`": mini_batch,
    f"faiss `Kmeans`, {FAISS_ITERATIONS} iterations": faiss,
}


def vocabularies() -> list[str]:
    """Rows of a table: every learner with REPEATS seeds, alternately."""
    values = descriptors(N_DESCRIPTORS)
    seconds: dict[str, list[float]] = {name: [] for name in LEARNERS}
    inertias: dict[str, list[float]] = {name: [] for name in LEARNERS}
    with limited_to(THREADS):
        ours(values[:20_000], 0)  # compiles
        for seed in range(REPEATS):
            for name, learn in LEARNERS.items():
                started = time.perf_counter()
                words = learn(values, seed)
                seconds[name].append(time.perf_counter() - started)
                distance = nearest(values, words.astype(np.float32), 1)[1]
                inertias[name].append(float(distance.sum(dtype=np.float64)))
                print(f"{name}: {seconds[name][-1]:.1f} s", file=sys.stderr)
    reference = statistics.mean(inertias["ours"])
    return [
        "| k-means | threads | seconds | time over ours | inertia over ours |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {name} | {THREADS} | {statistics.median(times):.1f} "
            f"({min(times):.1f} to {max(times):.1f}) | "
            f"{statistics.median(_ratios(times, seconds['ours'])):.2f} | "
            f"{statistics.mean(inertias[name]) / reference:.4f} |"
            for name, times in seconds.items()
        ),
    ]


def _ratios(theirs: list[float], ours_s: list[float]) -> list[float]:
    return [a / b for a, b in zip(theirs, ours_s, strict=True)]
