"""Patch words against their definition: whole patches, mirror images, plain loops."""

import numpy as np
import pytest

from visbase.pipeline.contracts import Arrays
from visbase.pipeline.encoding.patch_words import PatchWords, encode
from visbase.pipeline.errors import BadInput


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def learn(images: np.ndarray, n_words: int, clustered: bool = False) -> Arrays:
    return PatchWords(n_words, 300, 0.1, clustered).learn(images, seed=0)


def halves(patches: np.ndarray) -> np.ndarray:
    """Patches (..., 6, 6, c) -> their even and odd halves (..., 2, 18 c)."""
    near, far = patches[..., :3, :], patches[..., ::-1, :][..., :3, :]
    both = np.stack([near + far, near - far], axis=-4) / np.sqrt(2)
    return both.reshape(*both.shape[:-3], -1)


def responses(image: np.ndarray, learned: Arrays) -> np.ndarray:
    """Image (h, w, c) -> responses of its patches to the words (rows, columns, k)."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (6, 6), axis=(0, 1))
    patches = np.moveaxis(windows, 2, -1).astype(float)
    mean = patches.mean(axis=(-3, -2, -1), keepdims=True)
    variance = patches.var(axis=(-3, -2, -1), keepdims=True)
    parts = halves((patches - mean) / np.sqrt(variance + 10))
    parts[..., 0, :] -= learned["mean"]
    whitened = np.einsum("yxpi,pij->yxpj", parts, learned["whitening"])
    return np.einsum("yxpi,kpi->yxk", whitened, learned["words"])


def by_definition(image: np.ndarray, learned: Arrays) -> np.ndarray:
    """The mean over an image and its mirror image, four cells, both signs; its root."""
    views = [responses(view, learned) for view in (image, image[:, ::-1])]
    rows, columns = views[0].shape[:2]
    cells = [
        (slice(top, top + -(-rows // 2)), slice(left, left + -(-columns // 2)))
        for top in (0, rows // 2)
        for left in (0, columns // 2)
    ]
    means = [
        np.mean(
            [np.maximum(s * v[cell] - 0.3, 0).mean(axis=(0, 1)) for v in views], axis=0
        )
        for cell in cells
        for s in (1, -1)
    ]
    return np.sqrt(np.concatenate(means))


# an even and an odd number of positions; more words than a block; grey and colour
@pytest.mark.parametrize("shape", [(3, 10, 13, 3), (2, 11, 12, 1), (2, 6, 6, 3)])
def test_vectors_are_those_of_the_definition(shape: tuple[int, ...]) -> None:
    images = noise(*shape)
    images[0] = 80  # no contrast at all
    learned = learn(images, 150)
    found = encode(images, **learned, threshold=0.3)
    expected = [by_definition(image, learned) for image in images]
    assert found.shape == (shape[0], 8 * 150)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.max() > 0.3


def test_image_and_its_mirror_image_have_the_same_vector() -> None:
    images = noise(2, 12, 15, 3)
    learned = learn(images, 20)
    found, mirrored = (
        encode(view, **learned, threshold=0.5) for view in (images, images[:, :, ::-1])
    )
    np.testing.assert_allclose(found, mirrored, atol=1e-6)
    assert not np.allclose(found, encode(images[:, ::-1], **learned, threshold=0.5))


def test_one_patch_that_is_the_word_by_hand() -> None:
    """A patch of two halves, left 0 and right 20: mean 10, variance 100, odd only."""
    image = np.zeros((1, 6, 6, 1), np.uint8)
    image[:, :, 3:] = 20
    mean, whitening = (
        np.zeros(18, np.float32),
        np.stack([np.eye(18, dtype=np.float32)] * 2),
    )
    word = np.zeros((1, 2, 18), np.float32)
    word[0, 1] = -1 / np.sqrt(18)  # of unit length, darker on the left
    # each of the 36 pixels is 10 / sqrt(110) from the mean: the response is 6 times
    # that, to the mirror image its negative; both are halved by the mean of the two
    response = 60 / np.sqrt(110)
    found = encode(image, mean, whitening, word, threshold=1.0)
    np.testing.assert_allclose(found[0], [np.sqrt((response - 1) / 2)] * 8, rtol=1e-5)


def test_whitened_patches_vary_by_one_in_every_direction() -> None:
    images = (noise(40, 16, 16, 1).cumsum(axis=2) / 16).astype(np.uint8)  # correlated
    learned = PatchWords(4000, 4000, 1e-6, clustered=False).learn(images, seed=0)
    # words are whitened patches, scaled to unit length: all directions are alike
    words = learned["words"].reshape(4000, 36)
    variances = np.linalg.eigvalsh(words.T @ words)[1:]  # the mean is removed
    assert variances.max() < 4 * variances.min()


def test_clustered_words_are_centres_of_unit_length() -> None:
    words = learn(noise(20, 8, 8, 3), 5, clustered=True)["words"]
    assert words.shape == (5, 2, 54)
    np.testing.assert_allclose(np.square(words).sum(axis=(1, 2)), 1, rtol=1e-5)


def test_what_cannot_be_encoded_is_refused() -> None:
    with pytest.raises(BadInput, match="5 x 8 pixels are too small for patches of 6"):
        learn(noise(2, 8, 5, 3), 5)
    with pytest.raises(BadInput, match="n_words=301, n_samples=300"):
        learn(noise(2, 8, 8, 3), 301)
