"""Bag of visual words: images in, one histogram per image out.

    images -> descriptors (N, length) -> words (N, m) -> histograms (n, cells k)

(Sivic & Zisserman 2003; Csurka et al. 2004; Lazebnik et al. 2006.) One vocabulary per
descriptor; the histograms of several descriptors (patch sizes) stand side by side.
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
    """How descriptors become a histogram.

    n_words: of a vocabulary, learned from n_samples descriptors; levels: pyramid cells
    a side; n_nearest: words that share a descriptor, 1 for hard counts; softness: of
    the sharing, in squared descriptor units; power: of each count before normalisation.
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
                "an encoding needs n_nearest and each of its levels from 1 on, found "
                f"{self.n_nearest} and {self.levels}"
            )
        if self.softness <= 0 or self.power <= 0:
            raise BadInput(
                f"an encoding needs softness and power above 0, found {self.softness} "
                f"and {self.power}"
            )

    def learn(
        self,
        images: Images,
        descriptors: Sequence[Descriptor],
        seed: int,
        track: Track = untracked,
    ) -> Arrays:
        """Arrays of one vocabulary per descriptor; see `learn_vocabularies`."""
        learned = learn_vocabularies(
            images, descriptors, self.n_words, self.n_samples, seed, track
        )
        return named(learned)

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> BagOfWords:
        """The bag whose vocabularies were learned before; BadInput if one is empty."""
        return BagOfWords(descriptors, vocabularies_of(arrays), self)

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """What arrays must be, see `check_layout`."""
        return layout_of_vocabularies(descriptors)


@dataclass(frozen=True)
class BagOfWords:
    """Descriptors, the vocabulary (k, length) of each, and how words are counted."""

    descriptors: Sequence[Descriptor]
    vocabularies: Sequence[FloatArray]
    encoder: Histograms

    @property
    def n_features(self) -> int:
        cells = n_cells(self.encoder.levels)
        return cells * sum(len(vocabulary) for vocabulary in self.vocabularies)

    def vectors(self, images: Images) -> FloatArray:
        """n images -> (n, n_features), each descriptor's part of unit length.

        An image without keypoints is a row of zeros.
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
        """What was learned, by name."""
        return named(self.vocabularies)

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """What each keypoint of one image adds to weights (n_features,) . histogram.

        -> for each descriptor what it found and (N,) values. All values together sum
        to the product.
        """
        result = []
        start = 0
        for descriptor, vocabulary in zip(
            self.descriptors, self.vocabularies, strict=True
        ):
            found = descriptor.extract([image])
            words = self._words(found, vocabulary)
            counts = self._counts(found, words, len(vocabulary))
            own = weights[start : start + counts.size]
            start += counts.size
            histogram = normalise(counts.copy(), self.encoder.power)
            unit = share_out(histogram[0], counts[0], own).reshape(-1, len(vocabulary))
            values = np.zeros(len(found.xy), np.float32)
            for cell in cells(found.xy, self.encoder.levels):
                values += (unit[cell[:, None], words.index] * words.weight).sum(axis=1)
            result.append((found, values))
        return result

    def _encode(self, found: Descriptors, vocabulary: FloatArray) -> FloatArray:
        counts = self._counts(found, self._words(found, vocabulary), len(vocabulary))
        return normalise(counts, self.encoder.power)

    def _words(self, found: Descriptors, vocabulary: FloatArray) -> Words:
        how = self.encoder
        if how.n_nearest == 1:
            return assign_hard(found.values, vocabulary)
        return assign_soft(found.values, vocabulary, how.n_nearest, how.softness)

    def _counts(self, found: Descriptors, words: Words, n_words: int) -> FloatArray:
        return pool(words, n_words, found.xy, found.offsets, self.encoder.levels)
