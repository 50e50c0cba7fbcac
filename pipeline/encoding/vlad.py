"""VLAD: the sum of the differences between each word and its descriptors.

    images -> descriptors (N, length) -> sums of residuals (n, k length)

A histogram counts the descriptors of a word; VLAD sums their differences from it
(Jegou, Douze, Schmid & Perez 2010, eq. 1), like the half of a Fisher vector for the
means with hard assignment. The signed square root before the scaling to unit length is
from Jegou et al. 2012 (PAMI 34, section 3.4).
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
    """Settings: n_words per vocabulary, each learned from n_samples descriptors."""

    n_words: int = 64
    n_samples: int = 100_000

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

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """Return the layout of the learned arrays, see `check_layout`."""
        return layout_of_vocabularies(descriptors)

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> VladBag:
        """Create the bag from learned vocabularies; BadInput if one is empty."""
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
        """Compute vectors: n images -> (n, n_features).

        The part of each descriptor has unit length; an image without keypoints is a row
        of zeros.
        """
        parts = []
        for descriptor, words in zip(self.descriptors, self.vocabularies, strict=True):
            sums, _ = _residuals(descriptor.extract(images), words)
            parts.append(_rooted(sums))
        return np.hstack(parts)

    def arrays(self) -> Arrays:
        """Return the vocabularies by name."""
        return named(self.vocabularies)

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """Compute what each keypoint adds to weights (n_features,) . vector."""
        result, start = [], 0
        for descriptor, words in zip(self.descriptors, self.vocabularies, strict=True):
            keypoints = descriptor.extract([image])
            sums, index = _residuals(keypoints, words)
            part = weights[start : start + words.size]
            start += words.size
            unit = share_out(_rooted(sums.copy())[0], sums[0], part)
            residuals = keypoints.values - words[index]
            values = (residuals * unit.reshape(words.shape)[index]).sum(axis=1)
            result.append((keypoints, values))
        return result


def _residuals(
    keypoints: Descriptors, words: FloatArray
) -> tuple[FloatArray, NDArray[np.int32]]:
    """Sum residuals -> (n, k length), and find the nearest word of each (N,)."""
    index = nearest(keypoints.values, words, 1)[0][:, 0]
    sums = np.zeros((keypoints.n_images, *words.shape), np.float32)
    _add_residuals(keypoints.values, words, index, keypoints.offsets, sums)
    return sums.reshape(keypoints.n_images, words.size), index


def _rooted(sums: FloatArray) -> FloatArray:
    """Take the signed root, then scale to unit length; rows of zeros stay zero."""
    return normalise(np.copysign(np.sqrt(np.abs(sums)), sums), power=1)


@compiled()
def _add_residuals(values, words, index, offsets, sums):  # type: ignore[no-untyped-def]
    for i in range(len(offsets) - 1):
        for row in range(offsets[i], offsets[i + 1]):
            word = index[row]
            for d in range(values.shape[1]):
                sums[i, word, d] += values[row, d] - words[word, d]
