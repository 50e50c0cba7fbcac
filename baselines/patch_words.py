"""Bag of whitened colour patches and ridge regression, for small pictures of objects.

Single-layer features (Coates, Lee & Ng 2011), whose vocabulary may as well be random
patches (Recht et al. 2019, Thiry et al. 2021). An image and its mirror image have the
same vector (`encoding.patch_words`), which stands for mirrored training images. The
memory does not depend on the number of images: vectors are computed block by block and
added to the normal equations (`svm.ridge`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import (
    Arrays,
    FloatArray,
    Images,
    check_layout,
    part_of,
)
from visbase.pipeline.encoding.patch_words import N_VALUES, PatchWords, encode
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import choose, stack, with_channels
from visbase.pipeline.images.blocks import map_blocks
from visbase.pipeline.progress import track, working

SUMMARY = "whitened 6 x 6 patches, mirrored images, rectified, ridge regression"
FOR = ("objects",)

HELD_OUT = 5000  # training images that choose the penalty, at most a tenth of all
CHUNK = 800  # images whose vectors are in memory at once


@dataclass(frozen=True)
class Config:
    """Chosen on 2,000 held-out images of CIFAR-10, after training on 5,000."""

    n_words: int = 3400  # their mirror images are words as well
    n_samples: int = 100_000  # patches for the whitening and for k-means
    whitening: float = 0.1  # added to the variance along each direction
    clustered: bool = False  # words are k-means centres instead of random patches
    threshold: float = 0.5  # subtracted from the size of a response
    penalties: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)  # relative, to choose from


PRESETS = {"full": Config(), "quick": Config(n_words=800, n_samples=20_000)}

SEARCH = (
    {"whitening": 0.01},
    {"threshold": 0.25},
    {"threshold": 1.0},
    {"clustered": True},
)


def candidates(n_train: int, config: Config) -> tuple[dict[str, Any], ...]:
    """Settings that a learning curve chooses from: fewer images, a larger penalty.

    More words than images take time and add little.
    """
    n_words = min(config.n_words, max(400, n_train // 10))
    usual = {"n_words": n_words}
    return (usual, usual | {"penalties": (0.3,)}, usual | {"penalties": (1.0,)})


class PatchWordsRidge:
    """Scores are the class memberships that ridge regression estimates."""

    def __init__(self, config: Config, seed: int) -> None:
        self.config = config
        self.seed = seed

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Learn words and weights from n images of one size and labels (n,).

        The penalty is the best for a random tenth of the images, which is then added
        to the others. Raises BadInput if sizes differ or are smaller than a patch.
        """
        # imported here because they are slow to import
        from visbase.pipeline.svm.ridge import Ridge

        pixels = stack(images)
        self._channels = 3 if pixels.ndim == 4 else 1
        self.classes_, targets = np.unique(labels, return_inverse=True)
        learner = part_of(self.config, PatchWords)
        self.words_ = learner.learn(self._channels_last(pixels), self.seed, track)
        n_features = N_VALUES * len(self.words_["words"])
        rows = np.random.default_rng(self.seed).permutation(len(targets))
        n_held_out = min(HELD_OUT, len(rows) // 10)
        ridge = Ridge(n_features, len(self.classes_))
        for part, vectors in self._chunks(pixels, rows[n_held_out:], "features"):
            ridge.add(vectors, targets[part])
        penalty = self.config.penalties[-1]
        if n_held_out:
            with working("penalties"):
                trials = [ridge.solve(penalty) for penalty in self.config.penalties]
            right = np.zeros(len(trials), int)
            for part, vectors in self._chunks(pixels, rows[:n_held_out], "held out"):
                for i, (weights, intercepts) in enumerate(trials):
                    answers = (vectors @ weights + intercepts).argmax(axis=1)
                    right[i] += (answers == targets[part]).sum()
                ridge.add(vectors, targets[part])
            penalty = self.config.penalties[int(right.argmax())]
        with working("ridge regression"):
            weights, self.intercepts_ = ridge.solve(penalty)
        # in the order in which a model file has them, on which the last bits depend
        self.weights_ = np.ascontiguousarray(weights)

    def _chunks(
        self, pixels: NDArray[np.uint8], rows: NDArray[np.int64], label: str
    ) -> Iterator[tuple[NDArray[np.int64], FloatArray]]:
        """Yield some of the rows (m,) and the vectors (m, d) of these images."""
        chunks = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
        for part in track(chunks, label, len(chunks)):
            yield part, map_blocks(self._vectors, choose(pixels, part), label)

    def _vectors(self, images: Images) -> FloatArray:
        return encode(
            self._channels_last(stack(images)),
            **self.words_,
            threshold=self.config.threshold,
        )

    def _channels_last(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Convert to (n, h, w, c) with the channels of the training images."""
        pixels = with_channels(pixels, self._channels)
        return pixels.reshape(*pixels.shape[:3], self._channels)

    def scores(self, images: Images) -> FloatArray:
        """Estimate the class memberships (n, C); they need not lie in [0, 1]."""
        return map_blocks(
            lambda block: self._vectors(block) @ self.weights_ + self.intercepts_,
            images,
            "features",
            track,
        )

    def predict(self, images: Images) -> NDArray[np.int64]:
        return self.classes_[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """Return classes, what `PatchWords` learned, weights and intercepts."""
        return {
            "classes": self.classes_,
            **self.words_,
            "weights": self.weights_,
            "intercepts": self.intercepts_,
        }

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model from its `arrays`."""
        learned = {
            "mean": "float32 d",
            "whitening": "float32 2 d d",
            "words": "float32 k 2 d",
        }
        layout = {"weights": "float32 D C", "intercepts": "float32 C", **learned}
        layout["classes"] = "int64 C"
        sizes = check_layout(arrays, layout)
        layout["mean"] = f"float32 {54 if sizes['d'] > 18 else 18}"  # colour or grey
        layout["weights"] = f"float32 {N_VALUES * sizes['k']} C"
        check_layout(arrays, layout)
        self._channels = sizes["d"] // 18
        self.words_ = {name: arrays[name] for name in learned}
        self.classes_, self.weights_ = arrays["classes"], arrays["weights"]
        self.intercepts_ = arrays["intercepts"]

    @property
    def n_parameters(self) -> int:
        return sum(
            array.size for name, array in self.arrays().items() if name != "classes"
        )


def build(config: Config, seed: int) -> PatchWordsRidge:
    if not config.penalties:
        raise BadInput("penalties=(): expected at least one")
    return PatchWordsRidge(config, seed)
