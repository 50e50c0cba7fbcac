"""The descriptors that encoders learn from: a sample of some training images."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from functools import partial

import numpy as np

from visbase.pipeline.contracts import (
    Arrays,
    Descriptor,
    FloatArray,
    Images,
    LazyImages,
    Track,
    untracked,
)
from visbase.pipeline.encoding.vocabulary import learn_vocabulary
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import choose
from visbase.pipeline.images.blocks import map_blocks

SAMPLE_IMAGES = 5000  # at most, whose descriptors are looked at


def learn_vocabularies(
    images: Images,
    descriptors: Sequence[Descriptor],
    n_words: int,
    n_samples: int,
    seed: int,
    track: Track = untracked,
) -> list[FloatArray]:
    """One vocabulary per descriptor, from about n_samples values of the images.

    n images -> list of (k, length), k = n_words unless there are fewer distinct
    values. Raises BadInput where no image has a keypoint.
    """
    rng = np.random.default_rng(seed)
    some = sample_images(images, n_words, n_samples, rng)
    n = len(some)

    def sample(descriptor: Descriptor, block: Images) -> FloatArray:
        values = descriptor.extract(block).values
        quota = math.ceil(n_samples * len(block) / n)
        if len(values) <= quota:
            return values
        rows = _rng_of(block, seed).choice(len(values), quota, replace=False)
        return values[rows]

    vocabularies = []
    for descriptor in descriptors:
        values = map_blocks(partial(sample, descriptor), some, "descriptors", track)
        if len(values) == 0:
            raise BadInput(
                f"none of {n} training images has a keypoint ({descriptor.name}); "
                "are they blank? Use larger images or a method with a dense grid"
            )
        vocabularies.append(learn_vocabulary(values, n_words, rng, track=track))
    return vocabularies


def named(vocabularies: Sequence[FloatArray]) -> Arrays:
    """Vocabularies as arrays to keep, in the order of their descriptors."""
    return {f"vocabulary{i:02}": words for i, words in enumerate(vocabularies)}


def layout_of_vocabularies(descriptors: Sequence[Descriptor]) -> dict[str, str]:
    """What such arrays must be, see `check_layout`."""
    return {
        f"vocabulary{i:02}": f"float32 k{i} {descriptor.length}"
        for i, descriptor in enumerate(descriptors)
    }


def vocabularies_of(arrays: Arrays) -> list[FloatArray]:
    """The reverse of `named`; BadInput where a vocabulary is empty."""
    vocabularies = [arrays[name] for name in sorted(arrays)]
    if any(len(words) == 0 for words in vocabularies):
        raise BadInput("a vocabulary without words")
    return vocabularies


def sample_points(
    images: Images,
    descriptors: Sequence[Descriptor],
    n_samples: int,
    seed: int,
    track: Track = untracked,
) -> FloatArray:
    """About n_samples values of all descriptors with their places, (m, length + 2).

    Raises BadInput where descriptors differ in length or no image has a keypoint.
    """
    if len({descriptor.length for descriptor in descriptors}) > 1:
        lengths = ", ".join(f"{one.name}: {one.length}" for one in descriptors)
        raise BadInput(f"one mixture needs descriptors of one length, found {lengths}")
    quota = n_samples / (len(images) * len(descriptors))  # of an image and descriptor
    sample = partial(_sample, descriptors, quota, seed)
    found = map_blocks(sample, images, "descriptors", track)
    if len(found) == 0:
        names = ", ".join(descriptor.name for descriptor in descriptors)
        raise BadInput(
            f"none of {len(images)} training images has a keypoint ({names}); "
            "are they blank or tiny? Use larger images"
        )
    return found


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


def _sample(
    descriptors: Sequence[Descriptor], quota: float, seed: int, block: Images
) -> FloatArray:
    rows = []
    for descriptor in descriptors:
        found = descriptor.extract(block)
        points = np.hstack([found.values, found.xy])
        # drawn by content: images of one size do not all give the same grid points
        rng = np.random.default_rng([seed, zlib.crc32(found.values.data)])
        count = min(len(points), math.ceil(quota * len(block)))
        rows.append(points[rng.choice(len(points), count, replace=False)])
    return np.concatenate(rows)


def _rng_of(block: Images, seed: int) -> np.random.Generator:
    """Where a block is a single photograph, another one must not give the same rows.

    All would be sampled at the same points of the grid.
    """
    if isinstance(block, LazyImages):
        return np.random.default_rng([seed, int(block.digests[0][:16], 16)])
    return np.random.default_rng(seed)
