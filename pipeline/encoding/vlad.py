"""VLAD: what the descriptors of each word add up to, measured from the word.

    images -> descriptors (N, length) -> sums of residuals (n, k length)

A histogram counts the descriptors of a word, VLAD sums their differences from it
(Jegou, Douze, Schmid & Perez 2010, eq. 1): the hard-assigned half of a Fisher vector.
The signed root before unit length is of Jegou et al. 2012 (PAMI 34, section 3.4).
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
from visbase.pipeline.encoding.assign import nearest
from visbase.pipeline.encoding.pool import normalise, share_out
from visbase.pipeline.encoding.sample import (
    layout_of_vocabularies,
    learn_vocabularies,
    named,
    vocabularies_of,
)
from visbase.pipeline.images.compiled import compiled


@dataclass(frozen=True)
class Vlad:
    """n_words of each vocabulary, learned from n_samples descriptors."""

    n_words: int = 64
    n_samples: int = 100_000

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

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """What arrays must be, see `check_layout`."""
        return layout_of_vocabularies(descriptors)

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> VladBag:
        """The bag whose vocabularies were learned before; BadInput if one is empty."""
        return VladBag(descriptors, vocabularies_of(arrays))


@dataclass(frozen=True)
class VladBag:
    """Descriptors and the vocabulary (k, length) of each."""

    descriptors: Sequence[Descriptor]
    vocabularies: Sequence[FloatArray]

    @property
    def n_features(self) -> int:
        """Length of a vector: k length, summed over the descriptors."""
        return sum(words.size for words in self.vocabularies)

    def vectors(self, images: Images) -> FloatArray:
        """n images -> (n, n_features), each descriptor's part of unit length.

        An image without keypoints is a row of zeros.
        """
        parts = []
        for descriptor, words in zip(self.descriptors, self.vocabularies, strict=True):
            found = descriptor.extract(images)
            parts.append(_rooted(_residuals(found, words)[0]))
        return np.hstack(parts)

    def arrays(self) -> Arrays:
        """What was learned, by name."""
        return named(self.vocabularies)

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """What each keypoint of one image adds to weights (n_features,) . vector."""
        result, start = [], 0
        for descriptor, words in zip(self.descriptors, self.vocabularies, strict=True):
            found = descriptor.extract([image])
            sums, index = _residuals(found, words)
            own = weights[start : start + words.size]
            start += words.size
            unit = share_out(_rooted(sums.copy())[0], sums[0], own).reshape(words.shape)
            result.append(
                (found, ((found.values - words[index]) * unit[index]).sum(axis=1))
            )
        return result


def _residuals(
    found: Descriptors, words: FloatArray
) -> tuple[FloatArray, NDArray[np.int32]]:
    """Sums of residuals (n, k length), and the nearest word of each descriptor (N,)."""
    index = nearest(found.values, words, 1)[0][:, 0]
    sums = np.zeros((found.n_images, *words.shape), np.float32)
    _add_residuals(found.values, words, index, found.offsets, sums)
    return sums.reshape(found.n_images, words.size), index


def _rooted(sums: FloatArray) -> FloatArray:
    """Signed root, then unit length; rows of zeros stay zero."""
    return normalise(np.copysign(np.sqrt(np.abs(sums)), sums), power=1)


@compiled()
def _add_residuals(values, words, index, offsets, sums):  # type: ignore[no-untyped-def]
    for i in range(len(offsets) - 1):
        for row in range(offsets[i], offsets[i + 1]):
            word = index[row]
            for d in range(values.shape[1]):
                sums[i, word, d] += values[row, d] - words[word, d]
