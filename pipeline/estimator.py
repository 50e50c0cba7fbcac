"""The bag of visual words as a scikit-learn transformer.

Pipeline([("words", BagOfVisualWords()), ("svm", LinearSVC())]).fit(images, labels)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, check_random_state

from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.bag_of_words import (
    BagOfWords,
    Encoding,
    learn_vocabularies,
)
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import Images
from visbase.pipeline.images.blocks import map_blocks


class BagOfVisualWords(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Images to histograms of visual words over a spatial pyramid.

    bins_px: widths of a SIFT bin, one vocabulary each; step_px: of the grid;
    margin_px: least distance of a point from the border; n_words: of a vocabulary;
    n_samples: descriptors that each is learned from; levels: pyramid cells a side;
    n_nearest: words that share a descriptor, 1 for hard counts; softness: of the
    sharing, in squared RootSIFT distance; power: of each count before normalisation;
    random_state: of the sample and of k-means.

    Learned: vocabularies_, a list of (k, 128).
    """

    def __init__(
        self,
        bins_px: Sequence[float] = (4.0, 8.0),
        step_px: int = 4,
        margin_px: int = 8,
        n_words: int = 400,
        n_samples: int = 100_000,
        levels: Sequence[int] = (1, 2, 4),
        n_nearest: int = 5,
        softness: float = 0.1,
        power: float = 0.5,
        random_state: Any = None,
    ) -> None:
        self.bins_px = bins_px
        self.step_px = step_px
        self.margin_px = margin_px
        self.n_words = n_words
        self.n_samples = n_samples
        self.levels = levels
        self.n_nearest = n_nearest
        self.softness = softness
        self.power = power
        self.random_state = random_state

    def fit(self, X: Images, y: object = None) -> BagOfVisualWords:
        """Learn the vocabularies from n images: (n, h, w) or (n, h, w, 3) uint8, or a
        sequence of (h, w) or (h, w, 3) of differing size. y is not used.

        Raises ValueError where X holds no such images or no image has a keypoint.
        """
        images = _checked(X)
        seed = int(check_random_state(self.random_state).randint(2**31))
        try:
            self._encoding()  # what it refuses is told here, not by transform
            self.vocabularies_ = learn_vocabularies(
                images, self._extractors(), self.n_words, self.n_samples, seed
            )
        except BadInput as error:
            raise ValueError(str(error)) from None
        return self

    def transform(self, X: Images) -> NDArray[np.float32]:
        """n images -> (n, cells * words); an image without keypoints is zeros."""
        check_is_fitted(self)
        try:
            bag = BagOfWords(self._extractors(), self.vocabularies_, self._encoding())
            return map_blocks(bag.histograms, _checked(X), "histograms")
        except BadInput as error:
            raise ValueError(str(error)) from None

    def _encoding(self) -> Encoding:
        levels = tuple(self.levels)
        return Encoding(levels, self.n_nearest, self.softness, self.power)

    def _extractors(self) -> list[DenseSift]:
        return [
            DenseSift(bin_px, self.step_px, self.margin_px) for bin_px in self.bins_px
        ]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # always float32
        return tags


def _checked(images: Any) -> Images:
    """Images as they are; ValueError says what is wrong with the first that is none."""
    if len(images) == 0:
        raise ValueError("found 0 images; at least 1 is required")
    if isinstance(images, np.ndarray) and images.dtype != object:
        examples, n_axes = images, (3, 4)
    else:
        examples, n_axes = np.asarray(images[0]), (2, 3)
    if examples.dtype != np.uint8 or examples.ndim not in n_axes:
        raise ValueError(
            "expected uint8 images: (n, h, w), (n, h, w, 3) or a sequence of (h, w) or "
            f"(h, w, 3); found {examples.dtype} of shape {examples.shape}"
        )
    return images
