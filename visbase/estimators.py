"""Image encoders as scikit-learn transformers.

make_pipeline(BagOfVisualWords(), LinearSVC()).fit(images, labels)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, check_random_state

from visbase.pipeline.contracts import Arrays, Descriptor, Encoder, Images
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.descriptors.multiscale_sift import MultiscaleDenseSift
from visbase.pipeline.encoding.fisher import Fisher
from visbase.pipeline.encoding.histograms import Histograms
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import LazyImages
from visbase.pipeline.images.blocks import map_blocks


class _Encoded(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Dense SIFT at several patch sizes, then the encoder of the subclass."""

    bins_px: Sequence[float]
    step_px: int
    margin_px: int
    random_state: Any
    learned_: Arrays

    def _encoder(self) -> Encoder:
        raise NotImplementedError

    def fit(self, X: Images, y: object = None) -> Any:
        """Learn the encoder from n images; y is ignored.

        X is an array (n, h, w) or (n, h, w, 3) uint8, or any container of images (h, w)
        or (h, w, 3) of differing size, which are read in order. Raises ValueError if an
        item is not an image, with its position, and if no image has a keypoint.
        """
        images = checked_images(X)
        seed = int(check_random_state(self.random_state).randint(2**31))
        try:
            self.learned_ = self._encoder().learn(images, self._descriptors(), seed)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return self

    def transform(self, X: Images) -> NDArray[np.float32]:
        """Encode n images -> (n, d); an image without keypoints is a row of zeros."""
        check_is_fitted(self)
        try:
            bag = self._encoder().bag(self._descriptors(), self.learned_)
            return map_blocks(bag.vectors, checked_images(X), "vectors")
        except BadInput as error:
            raise ValueError(str(error)) from None

    def _descriptors(self) -> list[Descriptor]:
        _check_widths(self.bins_px)
        return [
            DenseSift(bin_px, self.step_px, self.margin_px) for bin_px in self.bins_px
        ]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # always float32
        return tags


class BagOfVisualWords(_Encoded):
    """Encode images as histograms of visual words over a spatial pyramid.

    bins_px: widths of a SIFT bin, with one vocabulary per width; step_px: distance of
    grid points; margin_px: smallest distance of a grid point from the border; n_words:
    size of each vocabulary; n_samples: descriptors that each is learned from; levels:
    pyramid cells per side; n_nearest: words that share a descriptor, 1 for hard counts;
    softness: width of the sharing, in squared RootSIFT distance; power: exponent of
    each count before normalisation; random_state: for the sample and k-means.

    After fit, learned_ has the vocabularies (k, 128) by name.
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

    def _encoder(self) -> Histograms:
        return Histograms(
            self.n_words,
            self.n_samples,
            tuple(self.levels),
            self.n_nearest,
            self.softness,
            self.power,
        )


class FisherVectors(_Encoded):
    """Encode images as Fisher vectors (Perronnin, Sanchez & Mensink 2010).

    bins_px, step_px and margin_px: see `BagOfVisualWords`; n_gaussians: size of the
    mixture, which serves all patch sizes; n_samples: descriptors that it is learned
    from; n_components: principal components kept of each descriptor; mirrored: whether
    to average the vectors of an image and its mirror image, useful for photographs but
    not for letters; random_state: for the sample and the start of the mixture.

    After fit, learned_ has the arrays of the mixture by name.
    """

    def __init__(
        self,
        bins_px: Sequence[float] = (4.0, 6.0, 8.0, 10.0),
        step_px: int = 6,
        margin_px: int = 8,
        n_gaussians: int = 64,
        n_samples: int = 100_000,
        n_components: int = 64,
        mirrored: bool = True,
        random_state: Any = None,
    ) -> None:
        self.bins_px = bins_px
        self.step_px = step_px
        self.margin_px = margin_px
        self.n_gaussians = n_gaussians
        self.n_samples = n_samples
        self.n_components = n_components
        self.mirrored = mirrored
        self.random_state = random_state

    def _descriptors(self) -> list[Descriptor]:
        _check_widths(self.bins_px)
        grid = (tuple(self.bins_px), self.step_px, self.margin_px)
        return [MultiscaleDenseSift(*grid)]

    def _encoder(self) -> Fisher:
        return Fisher(
            self.n_gaussians, self.n_samples, self.n_components, self.mirrored
        )


def _check_widths(bins_px: object) -> None:
    if np.ndim(bins_px) != 1 or not len(bins_px):  # type: ignore[arg-type]
        raise BadInput(f"bins_px: expected a sequence of widths, found {bins_px!r}")


def checked_images(images: Any) -> Images:
    """Convert any container of images to what the pipeline takes, in order.

    Accepts lists, tuples, object arrays of images of differing size, pandas Series and
    tensors. Raises ValueError with the position of the first item that is not an image.
    """
    if isinstance(images, np.ndarray) and images.dtype != object:
        is_colour = images.ndim == 4 and images.shape[3] == 3
        if images.dtype != np.uint8 or not (images.ndim == 3 or is_colour):
            raise ValueError(
                "expected uint8 images (n, h, w) or (n, h, w, 3), found "
                f"{images.dtype} of shape {images.shape}"
            )
        checked: Any = images
    elif isinstance(images, LazyImages):
        checked = images
    else:
        # iterating over a table gives the names of its columns, not its rows
        is_table = isinstance(images, Mapping) or hasattr(images, "columns")
        if is_table or not isinstance(images, Iterable):
            raise ValueError(
                f"expected a sequence of images, found {type(images).__name__}"
            )
        items = list(images)
        checked = [_checked_image(i, item) for i, item in enumerate(items)]
    if len(checked) == 0:
        raise ValueError("expected at least 1 image, found 0 images")
    return checked


def _checked_image(i: int, item: Any) -> NDArray[np.uint8]:
    try:
        image = np.asarray(item)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # for example, a tensor on a GPU
        raise ValueError(f"image {i} is not an array: {error}") from None
    is_colour = image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or not (image.ndim == 2 or is_colour):
        kind = "None" if item is None else f"{image.dtype} of shape {image.shape}"
        raise ValueError(
            f"image {i} is {kind}; expected uint8 images of shape (h, w) or (h, w, 3)"
        )
    return image
