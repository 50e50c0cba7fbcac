"""Sample the descriptors that encoders learn from."""

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
    Track,
    untracked,
)
from visbase.pipeline.encoding.vocabulary import learn_vocabulary
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import LazyImages, choose, sizes
from visbase.pipeline.images.blocks import map_blocks

SAMPLE_IMAGES = 5000  # at most this many images are described


def learn_vocabularies(
    images: Images,
    descriptors: Sequence[Descriptor],
    n_words: int,
    n_samples: int,
    seed: int,
    track: Track = untracked,
) -> list[FloatArray]:
    """Learn one vocabulary per descriptor, each from about n_samples descriptors.

    n images -> list of (k, length), with k = n_words unless there are fewer distinct
    descriptors. Raises BadInput if no image has a keypoint.
    """
    rng = np.random.default_rng(seed)
    sampled = sample_images(images, n_words, n_samples, rng)
    require_bins_that_fit(sampled, descriptors)
    n = len(sampled)

    def sample(descriptor: Descriptor, block: Images) -> FloatArray:
        values = descriptor.extract(block).values
        quota = math.ceil(n_samples * len(block) / n)
        if len(values) <= quota:
            return values
        rows = _rng_of(block, seed).choice(len(values), quota, replace=False)
        return values[rows]

    vocabularies = []
    for descriptor in descriptors:
        values = map_blocks(partial(sample, descriptor), sampled, "descriptors", track)
        if len(values) == 0:
            raise BadInput(
                f"none of the {n} training images has a keypoint ({descriptor.name}); "
                "check that they are not blank, use larger images, a smaller margin "
                "or a method with a dense grid"
            )
        vocabularies.append(learn_vocabulary(values, n_words, rng, track=track))
    return vocabularies


def named(vocabularies: Sequence[FloatArray]) -> Arrays:
    """Name vocabularies for storage, in the order of their descriptors."""
    return {f"vocabulary{i:02}": words for i, words in enumerate(vocabularies)}


def layout_of_vocabularies(descriptors: Sequence[Descriptor]) -> dict[str, str]:
    """Return the layout of the named vocabularies, see `check_layout`."""
    return {
        f"vocabulary{i:02}": f"float32 k{i} {descriptor.length}"
        for i, descriptor in enumerate(descriptors)
    }


def vocabularies_of(arrays: Arrays) -> list[FloatArray]:
    """Undo `named`; raises BadInput if a vocabulary is empty."""
    vocabularies = [arrays[name] for name in sorted(arrays)]
    if any(len(words) == 0 for words in vocabularies):
        raise BadInput("expected a vocabulary of at least one word, found an empty one")
    return vocabularies


def sample_points(
    images: Images,
    descriptors: Sequence[Descriptor],
    n_samples: int,
    seed: int,
    track: Track = untracked,
) -> list[FloatArray]:
    """Sample about n_samples descriptors of each kind with their positions.

    n images -> one array (m, length + 2) per kind, the position last. Raises BadInput
    if no image has a keypoint of any kind.
    """
    require_bins_that_fit(images, descriptors)
    quota = n_samples / len(images)
    samples = [
        map_blocks(partial(_sample, each, quota, seed), images, "descriptors", track)
        for each in descriptors
    ]
    if not any(map(len, samples)):
        names = ", ".join(descriptor.name for descriptor in descriptors)
        raise BadInput(
            f"none of the {len(images)} training images has a keypoint ({names}); "
            "check that they are not blank, use larger images"
        )
    return samples


def sample_images(
    images: Images,
    n_words: int,
    n_samples: int,
    rng: np.random.Generator,
    most: int = SAMPLE_IMAGES,
) -> Images:
    """Choose at most `most` random images whose descriptors are sampled.

    Raises BadInput unless there is a word, and a sample for each.
    """
    if n_words < 1:
        raise BadInput(f"expected at least one word or Gaussian, found {n_words}")
    if n_samples < n_words:
        raise BadInput(
            f"n_samples={n_samples}: expected at least one sample per word or "
            f"Gaussian, {n_words:,}"
        )
    n = min(len(images), most)
    return choose(images, np.sort(rng.choice(len(images), n, replace=False)))


def require_bins_that_fit(images: Images, descriptors: Sequence[Descriptor]) -> None:
    """Raise BadInput if a bin of a patch is wider than the largest of n images.

    A patch may reach beyond an image, but within one bin all pixels count alike.
    """
    longest = sizes(images).max(axis=1)
    largest = choose(images, longest.argmax(keepdims=True))
    for descriptor in descriptors:
        widest = descriptor.extract(largest).scale.max(initial=0)
        if widest > longest.max():
            raise BadInput(
                f"{descriptor.name}: a bin of {widest:g} px is wider than the largest "
                f"training image, {longest.max()} px; set smaller bins"
            )


def _sample(
    descriptor: Descriptor, quota: float, seed: int, block: Images
) -> FloatArray:
    extracted = descriptor.extract(block)
    points = np.hstack([extracted.values, extracted.xy])
    # seeded by content, so that images of equal size give different grid points
    rng = np.random.default_rng([seed, zlib.crc32(extracted.values.data)])
    count = min(len(points), math.ceil(quota * len(block)))
    return points[rng.choice(len(points), count, replace=False)]


def _rng_of(block: Images, seed: int) -> np.random.Generator:
    """Return the generator that samples a block.

    A block of photographs may hold a single one. It is seeded by the content of its
    first photograph; otherwise all would be sampled at the same points of the grid.
    """
    if isinstance(block, LazyImages):
        digest = block.digests[0]
        try:
            return np.random.default_rng([seed, int(digest[:16], 16)])
        except ValueError:  # of ImageNet, whose digest names the file
            return np.random.default_rng([seed, zlib.crc32(digest.encode())])
    if len(block) == 1:
        content = np.ascontiguousarray(block[0])
        return np.random.default_rng([seed, zlib.crc32(content.data)])
    return np.random.default_rng(seed)
