"""What a user waits for: the whole pipeline, one image, the command line; memory.

Each measurement runs in its own process, so that none disturbs another:
`python -m benchmarks.whole MEASUREMENT ARGUMENT...` prints the value of every
repetition as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REPEATS = 3


def digits(n: int) -> NDArray[np.uint8]:
    """n digits of MNIST, repeated from the first if n exceeds 70,000."""
    return labelled(n)[0]


def labelled(n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A dataset of any size: images (n, 28, 28) as in `digits`, and labels (n,)."""
    from visbase.pipeline.datasets import load_dataset

    mnist = load_dataset("mnist")
    images = np.concatenate([np.asarray(mnist.train.images), mnist.test.images])
    labels = np.concatenate([mnist.train.labels, mnist.test.labels])
    rows = np.arange(n) % len(images)
    return images[rows], labels[rows]


def histograms_s(n: str, n_words: str = "400") -> list[float]:
    """Seconds from n digits to the histograms of `bovw_pyramid`."""
    from visbase.pipeline.descriptors.dense_sift import DenseSift
    from visbase.pipeline.encoding.histograms import BagOfWords, Histograms
    from visbase.pipeline.encoding.sample import learn_vocabularies
    from visbase.pipeline.images.blocks import map_blocks

    images = digits(int(n))
    grids = [DenseSift(bin_px, 2, 2) for bin_px in (2.0, 3.0)]
    words = learn_vocabularies(images[:2000], grids, int(n_words), 20_000, seed=0)
    bag = BagOfWords(grids, words, Histograms(levels=(1, 2, 4), n_nearest=5))
    map_blocks(bag.vectors, images[:400], "warm up")

    def work() -> None:
        # a histogram takes 67 kB per image, so they are kept for one block only
        map_blocks(lambda block: bag.vectors(block).sum(axis=1), images, "all")

    return _repeated(work)


def vocabulary_s(n_words: str) -> list[float]:
    """Seconds for n_words words from 100,000 descriptors."""
    from benchmarks.vocabularies import descriptors
    from visbase.pipeline.encoding.vocabulary import learn_vocabulary

    values = descriptors(100_000)
    learn_vocabulary(values[:1000], 10, np.random.default_rng(0))  # compiles
    return _repeated(
        lambda: learn_vocabulary(values, int(n_words), np.random.default_rng(0))
    )


def svm_s(n: str) -> list[float]:
    """Seconds to fit RBF machines, one per pair of classes, on n digits.

    Digits after the first 70,000 are distorted, since duplicates would add no support
    vectors.
    """
    from visbase.baselines.svm_rbf import Config
    from visbase.pipeline.images.batches import pixel_rows
    from visbase.pipeline.images.distort import Distortion, distort
    from visbase.pipeline.svm.kernel import Kernel, fit_svm

    images, labels = labelled(int(n))
    images[70_000:] = distort(images[70_000:], Distortion(), np.random.default_rng(0))
    pixels, config = pixel_rows(images), Config()
    kernel = Kernel("rbf", config.gamma)
    return _repeated(lambda: fit_svm(pixels, labels, kernel, config.c))


def features_mb(n: str) -> list[float]:
    """Peak memory in MiB while `bovw_pyramid` computes the features of n digits."""
    import dataclasses

    from visbase.baselines import bovw_pyramid
    from visbase.pipeline.storage.spent import own_peak_rss_mb

    config = dataclasses.replace(bovw_pyramid.Config(), copies=0, n_samples=20_000)
    model = bovw_pyramid.build(config, 0)
    images = digits(int(n))
    upright = model._upright(images)
    model.bag_ = model._learn_bag(upright)
    model.projection_ = model._learn_projection(upright)
    model._features(upright)
    return [own_peak_rss_mb()]


def one_image_ms() -> list[float]:
    """Milliseconds per image from file to label with `bovw_pyramid`, after a warm-up.

    Fitted on all training images and their distorted copies, predicting one image at a
    time.
    """
    from PIL import Image

    from visbase.baselines import bovw_pyramid
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.images.photo_files import read_image

    train = load_dataset("mnist").train
    model = bovw_pyramid.build(bovw_pyramid.Config(), 0)
    model.fit(train.images, train.labels)
    times = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digit.png"
        for image in np.asarray(load_dataset("mnist").test.images)[:200]:
            Image.fromarray(image).save(path)
            started = time.perf_counter()
            model.predict(read_image(path)[None])
            times.append(1000 * (time.perf_counter() - started))
    return times[20:]


def start_s() -> list[float]:
    """Seconds of `visbase --help`, started ten times."""
    command = [sys.executable, "-P", "-m", "visbase", "--help"]
    return _repeated(
        lambda: subprocess.run(command, capture_output=True, check=True), 10
    )


def _repeated(work: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Seconds of each repetition."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


MEASUREMENTS: dict[str, Callable[..., list[float]]] = {
    function.__name__: function
    for function in (
        histograms_s,
        vocabulary_s,
        svm_s,
        features_mb,
        one_image_ms,
        start_s,
    )
}


def in_own_process(
    measurement: str, *arguments: int, cores: int | None = None
) -> list[float]:
    """Run a measurement in its own process with an empty cache.

    cores: number of cores it may use, by default all.
    """
    command = [sys.executable, "-m", "benchmarks.whole", measurement]
    if cores is not None:
        command = ["taskset", "--cpu-list", f"0-{cores - 1}", *command]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, *map(str, arguments)],
            env=os.environ | {"VISBASE_ARTIFACTS": folder},
            stdout=subprocess.PIPE,
            check=True,
        )
    values: list[float] = json.loads(done.stdout)
    print(measurement, *arguments, values, file=sys.stderr)
    return values


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log seconds against log size; 1 if time is proportional to size."""
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return round(float(slope), 2)


if __name__ == "__main__":
    print(json.dumps(MEASUREMENTS[sys.argv[1]](*sys.argv[2:])))
