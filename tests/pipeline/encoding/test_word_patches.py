"""Pictures of visual words."""

import numpy as np

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift, grid_centres
from visbase.pipeline.encoding.assign import assign_hard
from visbase.pipeline.encoding.vocabulary import learn_vocabulary
from visbase.pipeline.encoding.word_patches import mean_patches

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 12, 12), dtype=np.uint8)
GRID = DenseSift(bin_px=1.0, step_px=4, margin_px=2)  # patches of 4 pixels


def test_single_word_looks_like_the_mean_of_all_patches() -> None:
    points = (4, 8)
    assert grid_centres(12, 4, 2).tolist() == list(points)
    padded = np.pad(IMAGES, ((0, 0), (4, 4), (4, 4))).astype(float)
    corners = [(y + 2, x + 2) for y in points for x in points]
    patches = [image[y : y + 4, x : x + 4] for image in padded for y, x in corners]
    mean = mean_patches(IMAGES, GRID, np.zeros((1, 128), np.float32))[0]
    assert np.array_equal(mean, np.rint(np.mean(patches, axis=0)))


def test_words_that_occur_come_most_frequent_first(mnist: Dataset) -> None:
    images = mnist.train.images[:20]
    grid = DenseSift(bin_px=2.0, step_px=4, margin_px=2)
    values = grid.extract(images).values
    vocabulary = learn_vocabulary(values, 9, np.random.default_rng(0))
    never = np.full((1, 128), 9, np.float32)
    patches = mean_patches(images, grid, np.concatenate([never, vocabulary]))
    assert (patches.shape, patches.dtype) == ((9, 8, 8), np.uint8)
    counts = np.bincount(assign_hard(values, vocabulary).index[:, 0], minlength=9)
    by_count = vocabulary[np.argsort(-counts, kind="stable")]
    assert np.array_equal(mean_patches(images, grid, by_count), patches)
    assert np.array_equal(mean_patches(images, grid, by_count[::-1]), patches)


def test_images_of_differing_size_give_the_same_patches_as_stacked_ones() -> None:
    vocabulary = GRID.extract(IMAGES[:1]).values
    expected = mean_patches(IMAGES, GRID, vocabulary)
    # an image that is too small for a grid point changes nothing
    ragged = [*IMAGES, np.zeros((2, 3), np.uint8)]
    assert np.array_equal(mean_patches(ragged, GRID, vocabulary), expected)
