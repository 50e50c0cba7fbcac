"""Bag of visual words: one histogram of words per image.

    images -> descriptors (N, length) -> words (N, m) -> histograms (n, cells k)

(Sivic & Zisserman 2003; Csurka et al. 2004; Lazebnik et al. 2006.) Each
descriptor (patch size) has its own vocabulary; their histograms are concatenated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import (
    Arrays,
    Descriptor,
    Descriptors,
    FloatArray,
    Images,
    Track,
    untracked,
)
from visbase.pipeline.encoding.assign import Words, assign_hard, assign_soft
from visbase.pipeline.encoding.pool import cells, n_cells, normalise, pool, share_out
from visbase.pipeline.encoding.sample import (
    layout_of_vocabularies,
    learn_vocabularies,
    named,
    vocabularies_of,
)
from visbase.pipeline.errors import BadInput


@dataclass(frozen=True)
class Histograms:
    """Settings for encoding descriptors as a histogram.

    n_words: size of each vocabulary; n_samples: number of descriptors that it is
    learned from; levels: pyramid cells per side; n_nearest: words that share a
    descriptor, 1 for hard counts; softness: width of the sharing, in squared descriptor
    units; power: exponent of each count before normalisation.
    """

    n_words: int = 400
    n_samples: int = 100_000
    levels: tuple[int, ...] = (1,)
    n_nearest: int = 1
    softness: float = 0.1
    power: float = 0.5

    def __post_init__(self) -> None:
        if self.n_nearest < 1 or min(self.levels, default=0) < 1:
            raise BadInput(
                f"n_nearest={self.n_nearest}, levels={self.levels}: expected n_nearest "
                "of at least 1, and one or more levels of at least 1"
            )
        if self.softness <= 0 or self.power <= 0:
            raise BadInput(
                f"softness={self.softness}, power={self.power}: expected values above 0"
            )

    def learn(
        self,
        images: Images,
        descriptors: Sequence[Descriptor],
        seed: int,
        track: Track = untracked,
    ) -> Arrays:
        """Learn one vocabulary per descriptor; see `learn_vocabularies`."""
        learned = learn_vocabularies(
            images, descriptors, self.n_words, self.n_samples, seed, track
        )
        return named(learned)

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> BagOfWords:
        """Create the bag from learned vocabularies; BadInput if one is empty."""
        return BagOfWords(descriptors, vocabularies_of(arrays), self)

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """Return the layout of the learned arrays, see `check_layout`."""
        return layout_of_vocabularies(descriptors)


@dataclass(frozen=True)
class BagOfWords:
    """Descriptors, the vocabulary (k, length) of each, and the encoder's settings."""

    descriptors: Sequence[Descriptor]
    vocabularies: Sequence[FloatArray]
    encoder: Histograms

    @property
    def n_features(self) -> int:
        """Length of a histogram: cells k, summed over the descriptors."""
        cells = n_cells(self.encoder.levels)
        return cells * sum(len(vocabulary) for vocabulary in self.vocabularies)

    def vectors(self, images: Images) -> FloatArray:
        """Compute histograms: n images -> (n, n_features).

        The part of each descriptor has unit length; an image without keypoints is a row
        of zeros.
        """
        return np.hstack(
            [
                self._encode(descriptor.extract(images), vocabulary)
                for descriptor, vocabulary in zip(
                    self.descriptors, self.vocabularies, strict=True
                )
            ]
        )

    def arrays(self) -> Arrays:
        """Return the vocabularies by name."""
        return named(self.vocabularies)

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """Compute what each keypoint adds to weights (n_features,) . histogram.

        -> for each descriptor, the keypoints of the image and their values (N,). All
        values sum to the product.
        """
        result = []
        start = 0
        for descriptor, vocabulary in zip(
            self.descriptors, self.vocabularies, strict=True
        ):
            keypoints = descriptor.extract([image])
            words = self._words(keypoints, vocabulary)
            counts = self._counts(keypoints, words, len(vocabulary))
            part = weights[start : start + counts.size]
            start += counts.size
            histogram = normalise(counts.copy(), self.encoder.power)
            unit = share_out(histogram[0], counts[0], part).reshape(-1, len(vocabulary))
            values = np.zeros(len(keypoints.xy), np.float32)
            for cell in cells(keypoints.xy, self.encoder.levels):
                values += (unit[cell[:, None], words.index] * words.weight).sum(axis=1)
            result.append((keypoints, values))
        return result

    def words(self, image: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return the nearest word of each keypoint, in the order of `contributions`.

        -> (N,); the words of all vocabularies are counted through.
        """
        found, start = [], 0
        for descriptor, vocabulary in zip(
            self.descriptors, self.vocabularies, strict=True
        ):
            values = descriptor.extract([image]).values
            found.append(start + assign_hard(values, vocabulary).index[:, 0])
            start += len(vocabulary)
        return np.concatenate(found)

    def _encode(self, keypoints: Descriptors, vocabulary: FloatArray) -> FloatArray:
        words = self._words(keypoints, vocabulary)
        counts = self._counts(keypoints, words, len(vocabulary))
        return normalise(counts, self.encoder.power)

    def _words(self, keypoints: Descriptors, vocabulary: FloatArray) -> Words:
        n_nearest, softness = self.encoder.n_nearest, self.encoder.softness
        if n_nearest == 1:
            return assign_hard(keypoints.values, vocabulary)
        return assign_soft(keypoints.values, vocabulary, n_nearest, softness)

    def _counts(self, keypoints: Descriptors, words: Words, n_words: int) -> FloatArray:
        levels = self.encoder.levels
        return pool(words, n_words, keypoints.xy, keypoints.offsets, levels)
