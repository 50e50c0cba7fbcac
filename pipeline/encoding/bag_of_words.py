"""Bag of visual words: images in, one histogram an image out.

    images (n, h, w) -> descriptors (N, 128) -> words (N, m) -> histograms (n, cells k)

(Sivic & Zisserman 2003; Csurka et al. 2004; Lazebnik et al. 2006.) One vocabulary an
extractor; the histograms of several extractors (patch sizes) stand side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.descriptors.flat import LENGTH, Descriptors
from visbase.pipeline.encoding.assign import Words, assign_hard, assign_soft
from visbase.pipeline.encoding.pool import cells, n_cells, normalise, pool
from visbase.pipeline.encoding.vocabulary import learn_vocabulary
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evidence import share_out
from visbase.pipeline.images.batches import Images, choose
from visbase.pipeline.images.blocks import map_blocks
from visbase.pipeline.images.photo_files import PhotoFiles

FloatArray = NDArray[np.float32]
Arrays = dict[str, FloatArray]

SAMPLE_IMAGES = 5000  # at most, whose descriptors the vocabulary is learned from


class Extractor(Protocol):
    """Finds keypoints and describes them."""

    def extract(self, images: Images) -> Descriptors: ...


@dataclass(frozen=True)
class Encoding:
    """How descriptors become a histogram.

    levels: pyramid cells a side; n_nearest: words that share a descriptor, 1 for hard
    counts; softness: of the sharing, in squared descriptor units; power: of each
    count before normalisation.
    """

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
        extractors: Sequence[Extractor],
        n_words: int,
        n_samples: int,
        seed: int,
    ) -> Arrays:
        """Arrays of one vocabulary an extractor; see `learn_vocabularies`."""
        learned = learn_vocabularies(images, extractors, n_words, n_samples, seed)
        return {f"vocabulary{i:02}": words for i, words in enumerate(learned)}

    def bag(self, extractors: Sequence[Extractor], arrays: Arrays) -> BagOfWords:
        """The bag whose vocabularies were learned before; BadInput if one is empty."""
        vocabularies = [arrays[name] for name in sorted(arrays)]
        if any(len(words) == 0 for words in vocabularies):
            raise BadInput("a vocabulary without words")
        return BagOfWords(extractors, vocabularies, self)

    def layout(self, extractors: Sequence[Extractor]) -> dict[str, str]:
        """What arrays must be, see `check_layout`."""
        numbers = range(len(extractors))
        return {f"vocabulary{i:02}": f"float32 k{i} {LENGTH}" for i in numbers}


@dataclass(frozen=True)
class BagOfWords:
    """Extractors, the vocabulary (k, 128) of each, and the encoding of both."""

    extractors: Sequence[Extractor]
    vocabularies: Sequence[FloatArray]
    encoding: Encoding

    @property
    def n_features(self) -> int:
        cells = n_cells(self.encoding.levels)
        return cells * sum(len(vocabulary) for vocabulary in self.vocabularies)

    def histograms(self, images: Images) -> FloatArray:
        """n images -> (n, n_features), each extractor's part of unit length.

        An image without keypoints is a row of zeros.
        """
        return np.hstack(
            [
                self._encode(extractor.extract(images), vocabulary)
                for extractor, vocabulary in zip(
                    self.extractors, self.vocabularies, strict=True
                )
            ]
        )

    def arrays(self) -> Arrays:
        """What was learned, by name."""
        return {f"vocabulary{i:02}": words for i, words in enumerate(self.vocabularies)}

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """What each keypoint of one image adds to weights (n_features,) . histogram.

        -> for each extractor its descriptors and (N,) values. All values together sum
        to the product.
        """
        result = []
        start = 0
        for extractor, vocabulary in zip(
            self.extractors, self.vocabularies, strict=True
        ):
            found = extractor.extract([image])
            words = self._words(found, vocabulary)
            counts = self._counts(found, words, len(vocabulary))
            own = weights[start : start + counts.size]
            start += counts.size
            histogram = normalise(counts.copy(), self.encoding.power)
            unit = share_out(histogram[0], counts[0], own).reshape(-1, len(vocabulary))
            values = np.zeros(len(found.xy), np.float32)
            for cell in cells(found.xy, self.encoding.levels):
                values += (unit[cell[:, None], words.index] * words.weight).sum(axis=1)
            result.append((found, values))
        return result

    def _encode(self, found: Descriptors, vocabulary: FloatArray) -> FloatArray:
        counts = self._counts(found, self._words(found, vocabulary), len(vocabulary))
        return normalise(counts, self.encoding.power)

    def _words(self, found: Descriptors, vocabulary: FloatArray) -> Words:
        how = self.encoding
        if how.n_nearest == 1:
            return assign_hard(found.values, vocabulary)
        return assign_soft(found.values, vocabulary, how.n_nearest, how.softness)

    def _counts(self, found: Descriptors, words: Words, n_words: int) -> FloatArray:
        return pool(words, n_words, found.xy, found.offsets, self.encoding.levels)


def sample_images(
    images: Images, n_words: int, n_samples: int, rng: np.random.Generator
) -> Images:
    """SAMPLE_IMAGES random ones of n images, or all: where descriptors come from.

    Raises BadInput where no words or no descriptors are asked for.
    """
    if n_words < 1 or n_samples < 1:
        raise BadInput(
            f"a vocabulary needs words and samples from 1 on, found {n_words} and "
            f"{n_samples}"
        )
    n = min(len(images), SAMPLE_IMAGES)
    return choose(images, np.sort(rng.choice(len(images), n, replace=False)))


def learn_vocabularies(
    images: Images,
    extractors: Sequence[Extractor],
    n_words: int,
    n_samples: int,
    seed: int,
) -> list[FloatArray]:
    """One vocabulary an extractor, from about n_samples descriptors of the images.

    n images -> list of (k, 128), k = n_words unless there are fewer distinct
    descriptors. Raises BadInput where no image has a keypoint.
    """
    rng = np.random.default_rng(seed)
    some = sample_images(images, n_words, n_samples, rng)
    n = len(some)

    def sample(extractor: Extractor, block: Images) -> FloatArray:
        values = extractor.extract(block).values
        quota = math.ceil(n_samples * len(block) / n)
        if len(values) <= quota:
            return values
        rows = _rng_of(block, seed).choice(len(values), quota, replace=False)
        return values[rows]

    vocabularies = []
    for extractor in extractors:
        values = map_blocks(partial(sample, extractor), some, "descriptors")
        if len(values) == 0:
            raise BadInput(
                f"none of {n} training images has a keypoint ({extractor}); "
                "are they blank? Use larger images or a method with a dense grid"
            )
        vocabularies.append(learn_vocabulary(values, n_words, rng))
    return vocabularies


def _rng_of(block: Images, seed: int) -> np.random.Generator:
    """Where a block is a single photograph, another one must not give the same rows.

    All would be sampled at the same points of the grid.
    """
    if isinstance(block, PhotoFiles):
        return np.random.default_rng([seed, int(block.digests[0][:16], 16)])
    return np.random.default_rng(seed)
