"""What visual words look like: the mean of the image patches of each word.

Sivic & Zisserman 2003 (figure 2) show patches of one word side by side. On a dense grid
all patches are upright and of one size, so their mean shows what they share.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.sparse import csr_array

from visbase.pipeline.contracts import Descriptors, Images
from visbase.pipeline.descriptors.dense_sift import N_BINS, DenseSift
from visbase.pipeline.encoding.assign import nearest
from visbase.pipeline.images.batches import to_grey

MOST_WORDS = 100


def mean_patches(
    images: Images, grid: DenseSift, vocabulary: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Average the patches of at most MOST_WORDS words, most frequent word first.

    n images, vocabulary (k, length) -> (m, side, side), where side is the width of the
    4 bins of a descriptor in pixels. Words that no image contains are left out.
    """
    k, side = len(vocabulary), round(N_BINS * grid.bin_px)
    sums, counts = np.zeros((k, side**2)), np.zeros(k, np.int64)
    # images of differing size are processed one by one
    batches = [images] if isinstance(images, np.ndarray) else (i[None] for i in images)
    for batch in batches:
        grey = to_grey(batch)
        keypoints = grid.extract(grey)
        if not len(keypoints.values):
            continue
        words = nearest(keypoints.values, vocabulary, 1)[0][:, 0]
        ones = np.ones(len(words), np.int32)
        of_word = csr_array((ones, (words, np.arange(len(words)))), (k, len(words)))
        sums += of_word @ _patches(grey, keypoints, side).reshape(len(words), -1)
        counts += of_word.sum(axis=1)
    shown = np.argsort(-counts, kind="stable")[: min(MOST_WORDS, np.sum(counts > 0))]
    means = np.rint(sums[shown] / counts[shown, None]).astype(np.uint8)
    return means.reshape(-1, side, side)


def _patches(
    grey: NDArray[np.uint8], keypoints: Descriptors, side: int
) -> NDArray[np.uint8]:
    """Cut out the pixels around each keypoint: (n, h, w) -> (N, side, side)."""
    padded = np.pad(grey, ((0, 0), (side, side), (side, side)))
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    image = np.repeat(np.arange(len(grey)), np.diff(keypoints.offsets))
    size = np.array([grey.shape[2], grey.shape[1]])
    corner = np.floor(keypoints.xy * size).astype(int) - side // 2 + side
    return windows[image, corner[:, 1], corner[:, 0]]
