"""What visual words look like: the mean of the image patches that belong to each.

After the picture of Sivic & Zisserman 2003 (figure 2), which shows patches of one word
side by side; on a dense grid all patches are upright and of one size, so that their
mean shows what they share.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.assign import nearest
from pipeline.dense_sift import N_BINS, DenseSift
from pipeline.images import Images, stack_grey

MOST_WORDS = 100


def mean_patches(
    images: Images, extractor: DenseSift, vocabulary: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Mean patch of each word, most frequent word first, MOST_WORDS at most.

    n images of one size, vocabulary (k, 128) -> (m, side, side), side the 4 bins of a
    descriptor in pixels. Words that none of the images has are left out.
    """
    grey = stack_grey(images)
    found = extractor.extract(grey)
    words = nearest(found.values, vocabulary, 1)[0][:, 0]
    side = round(N_BINS * extractor.bin_px)
    padded = np.pad(grey, ((0, 0), (side, side), (side, side)))
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    image = np.repeat(np.arange(len(grey)), np.diff(found.offsets))
    size = np.array([grey.shape[2], grey.shape[1]])
    corner = np.floor(found.xy * size).astype(int) - side // 2 + side
    patches = windows[image, corner[:, 1], corner[:, 0]]  # (N, side, side)
    counts = np.bincount(words, minlength=len(vocabulary))
    shown = np.argsort(-counts, kind="stable")[: min(MOST_WORDS, np.sum(counts > 0))]
    means = [patches[words == word].mean(axis=0) for word in shown]
    return np.rint(means).astype(np.uint8).reshape(-1, side, side)
