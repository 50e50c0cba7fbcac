"""Words that are whitened patches: small images to vectors (Coates, Lee & Ng 2011).

    images (n, h, w, c) -> patches of 6 x 6, contrast-normalised and whitened (P, d)
    -> responses to k words (P, k) -> rectified, mean over 2 x 2 cells (n, 8 k)

A word is a patch of a training image (Thiry et al. 2021) or a k-means centre. Both
signs of a response are rectified (Recht et al. 2019), and the vector is the square root
of the means.

An image is encoded together with its mirror image: both have the same vector, so that
mirrored copies of training images would add nothing. This takes no second pass. In a
mirrored patch the half that is even under mirroring stays as it is and the odd half
changes its sign, as long as the whitening keeps them apart. The two products of a word
with both halves, added and subtracted, are its responses to a patch and to the mirrored
patch; each product is half as long as that of whole patches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, FloatArray, Track, untracked
from visbase.pipeline.encoding.vocabulary import learn_vocabulary
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.compiled import compiled, compiled_inside

PATCH_PX = 6
HALF_PX = PATCH_PX // 2
N_CELLS = 2  # along each axis
N_VALUES = 2 * N_CELLS * N_CELLS  # of a vector for each word
CONTRAST = 10.0  # added to a patch's variance, in squared grey levels (Coates et al.)
SAMPLE_IMAGES = 5000  # at most this many give patches
BLOCK = 128  # words; their responses to an image of 32 x 32 take 0.7 MB of L2 cache


@dataclass(frozen=True)
class PatchWords:
    """Settings for learning words.

    n_words: size of the vocabulary, which the mirrored words double; n_samples: patches
    for the whitening and for k-means; whitening: added to the variance along each
    direction, where that of a whitened patch is 1; clustered: whether words are k-means
    centres instead of random patches.
    """

    n_words: int
    n_samples: int
    whitening: float
    clustered: bool

    def learn(
        self, images: NDArray[np.uint8], seed: int, track: Track = untracked
    ) -> Arrays:
        """Learn whitening and words from n images (n, h, w, c).

        -> mean (d,) of the even halves, whitening (2, d, d) and words (k, 2, d) of unit
        length, even half first; d = 18 c. Raises BadInput if an image has no patch.
        """
        if self.n_words < 1 or self.n_samples < self.n_words:
            raise BadInput(
                f"n_words={self.n_words}, n_samples={self.n_samples}: expected at "
                "least 1 word and as many samples as words"
            )
        rng = np.random.default_rng(seed)
        halves = _sample(images, self.n_samples, rng)
        mean = halves[:, 0].mean(axis=0)
        halves[:, 0] -= mean
        whitening = np.stack([_zca(halves[:, i], self.whitening) for i in (0, 1)])
        patches = np.stack([halves[:, i] @ whitening[i] for i in (0, 1)], axis=1)
        patches = _unit(patches.reshape(len(patches), -1))
        if self.clustered:
            words = _unit(learn_vocabulary(patches, self.n_words, rng, track=track))
        else:
            words = patches[rng.choice(len(patches), self.n_words, replace=False)]
        words = words.reshape(len(words), 2, -1)
        return {"mean": mean, "whitening": whitening, "words": words}


def encode(
    images: NDArray[np.uint8],
    mean: FloatArray,
    whitening: FloatArray,
    words: FloatArray,
    threshold: float,
) -> FloatArray:
    """Compute the vectors of n images (n, h, w, c) -> (n, 8 k).

    mean, whitening, words: as learned; threshold: subtracted from the size of a
    response before it is rectified. The cells may share their middle row or column, as
    those of torch's `adaptive_avg_pool2d`. Values are ordered by cell, in reading
    order, by sign and by word. Raises BadInput if the images are smaller than a patch.
    """
    _require_patches(images)
    vectors = np.empty((len(images), N_VALUES * len(words)), np.float32)
    images = np.require(
        images, requirements=["C", "W"]
    )  # or numba compiles it once more
    even, odd = (np.ascontiguousarray(words[:, i]) for i in (0, 1))
    _encode(images, mean, *whitening, even, odd, np.float32(threshold), vectors)
    return np.sqrt(vectors, out=vectors)


def _require_patches(images: NDArray[np.uint8]) -> None:
    height, width = images.shape[1:3]
    if min(height, width) < PATCH_PX:
        raise BadInput(
            f"{width} x {height} pixels are too small for patches of {PATCH_PX} x "
            f"{PATCH_PX}; enlarge the images"
        )


def _sample(
    images: NDArray[np.uint8], n_samples: int, rng: np.random.Generator
) -> FloatArray:
    """Draw patches of random images -> both halves of about n_samples (N, 2, d)."""
    _require_patches(images)
    height, width, channels = images.shape[1:]
    n_patches = (height - PATCH_PX + 1) * (width - PATCH_PX + 1)
    n_images = min(len(images), SAMPLE_IMAGES)
    per_image = -(-n_samples // n_images)
    halves = np.empty((2, n_patches, PATCH_PX * HALF_PX * channels), np.float32)
    samples = []
    for row in rng.choice(len(images), n_images, replace=False):
        _cut(np.require(images[row], requirements=["C", "W"]), *halves)
        samples.append(halves[:, rng.integers(n_patches, size=per_image)])
    return np.ascontiguousarray(np.concatenate(samples, axis=1).swapaxes(0, 1))


def _zca(values: FloatArray, regular: float) -> FloatArray:
    """Return the matrix (d, d) that whitens centred values (N, d) symmetrically."""
    covariance = values.T.astype(np.float64) @ values / len(values)
    variances, directions = np.linalg.eigh(covariance)
    scales = 1 / np.sqrt(np.maximum(variances, 0) + regular)
    return ((directions * scales) @ directions.T).astype(np.float32)


def _unit(rows: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


@compiled_inside(fastmath=True)
def _cut_inside(image, even, odd):  # type: ignore[no-untyped-def]
    """Split each contrast-normalised patch of (h, w, c) into its halves (P, d).

    Both halves together have the length of the patch.
    """
    height, width, channels = image.shape
    size = PATCH_PX * PATCH_PX * channels
    row = 0
    for top in range(height - PATCH_PX + 1):
        for left in range(width - PATCH_PX + 1):
            total = squares = np.int64(0)
            for y in range(top, top + PATCH_PX):
                for x in range(left, left + PATCH_PX):
                    for c in range(channels):
                        value = np.int64(image[y, x, c])
                        total += value
                        squares += value * value
            mean = np.float32(total) / np.float32(size)
            # of whole numbers, so that no digits cancel
            variance = np.float32(size * squares - total * total) / np.float32(size**2)
            scale = np.sqrt(np.float32(0.5) / (variance + np.float32(CONTRAST)))
            i = 0
            for y in range(top, top + PATCH_PX):
                for x in range(HALF_PX):
                    for c in range(channels):
                        near = np.float32(image[y, left + x, c])
                        far = np.float32(image[y, left + PATCH_PX - 1 - x, c])
                        even[row, i] = (near + far - mean - mean) * scale
                        odd[row, i] = (near - far) * scale
                        i += 1
            row += 1


@compiled()
def _cut(image, even, odd):  # type: ignore[no-untyped-def]
    _cut_inside(image, even, odd)


@compiled(fastmath={"reassoc", "contract"})
def _encode(  # type: ignore[no-untyped-def]
    images, mean, whiten_even, whiten_odd, even_words, odd_words, threshold, vectors
):
    """Fill vectors (n, 8 k) with the means over the cells.

    The responses to a block of words are pooled while they are in the cache, and then
    overwritten by those to the next block.
    """
    n_rows, n_columns = images.shape[1] - PATCH_PX + 1, images.shape[2] - PATCH_PX + 1
    n_patches, (k, d) = n_rows * n_columns, even_words.shape
    even = np.empty((n_patches, d), np.float32)
    odd, whitened_even, whitened_odd = (even.copy(), even.copy(), even.copy())
    even_space = np.empty(n_patches * BLOCK, np.float32)
    odd_space = even_space.copy()
    sums = np.empty((N_CELLS, N_CELLS, 2, BLOCK), np.float32)
    zero = np.float32(0)
    for i in range(len(images)):
        _cut_inside(images[i], even, odd)
        even -= mean
        np.dot(even, whiten_even, whitened_even)
        np.dot(odd, whiten_odd, whitened_odd)
        means = vectors[i].reshape(N_CELLS, N_CELLS, 2, k)
        for start in range(0, k, BLOCK):
            stop = min(start + BLOCK, k)
            size = stop - start
            by_even = even_space[: n_patches * size].reshape(n_patches, size)
            by_odd = odd_space[: n_patches * size].reshape(n_patches, size)
            np.dot(whitened_even, even_words[start:stop].T, by_even)
            np.dot(whitened_odd, odd_words[start:stop].T, by_odd)
            sums[:] = 0
            for down in range(N_CELLS):
                top, bottom = _bounds(down, n_rows)
                for across in range(N_CELLS):
                    left, right = _bounds(across, n_columns)
                    plus, minus = sums[down, across, 0], sums[down, across, 1]
                    # the mirrored patch is in the mirrored cell of the mirror image
                    there = sums[down, N_CELLS - 1 - across]
                    mirrored_plus, mirrored_minus = there[0], there[1]
                    for y in range(top, bottom):
                        for row in range(y * n_columns + left, y * n_columns + right):
                            e, o = by_even[row], by_odd[row]
                            for j in range(size):
                                response = e[j] + o[j]
                                plus[j] += max(response - threshold, zero)
                                minus[j] += max(-response - threshold, zero)
                            for j in range(size):
                                response = e[j] - o[j]
                                mirrored_plus[j] += max(response - threshold, zero)
                                mirrored_minus[j] += max(-response - threshold, zero)
            for down in range(N_CELLS):
                top, bottom = _bounds(down, n_rows)
                for across in range(N_CELLS):
                    left, right = _bounds(across, n_columns)
                    share = np.float32(0.5 / ((bottom - top) * (right - left)))
                    for sign in range(2):
                        for j in range(size):
                            mean_of_both = sums[down, across, sign, j] * share
                            means[down, across, sign, start + j] = mean_of_both


@compiled_inside()
def _bounds(cell, n):  # type: ignore[no-untyped-def]
    """Return where a cell begins and ends, of n positions; cells may overlap."""
    return cell * n // N_CELLS, -(-(cell + 1) * n // N_CELLS)
