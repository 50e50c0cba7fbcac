"""Bag of visual words with everything that helps: the strongest classical method.

It extends the lecture's pipeline by keypoints on a dense grid at two patch sizes,
without smoothing before the gradient (the largest gain on digits); square roots of soft
counts over the nearest words (Liu, Wang & Liu 2011); a spatial pyramid (Lazebnik et al.
2006); and virtual examples, randomly distorted copies of the digits (Simard et al.
2003). docs/tried.md lists the gain of each, and what did not help.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import part_of
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.histograms import Histograms
from visbase.pipeline.images.distort import Distortion
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = (
    "dense SIFT, soft counts, spatial pyramid, RBF SVM; "
    "digits deskewed, distorted copies"
)


@dataclass(frozen=True)
class Config:
    """Chosen on validation images: docs/search/mnist/bovw_pyramid.csv."""

    bins_px: tuple[float, ...] = (2.0, 3.0)  # widths of a SIFT bin, one per patch size
    step_px: int = 2  # distance of grid points
    margin_px: int = 2  # smallest distance of a grid point from the border
    n_words: int = 400  # per patch size
    n_samples: int = 100_000  # descriptors per patch size for k-means
    n_nearest: int = 5  # words that share a descriptor
    softness: float = 0.1  # width of the sharing, in squared RootSIFT distance
    levels: tuple[int, ...] = (1, 2, 4)  # pyramid cells per side
    n_components: int = 400  # principal components kept
    kernel: str = "rbf"  # or "linear": of square roots, an additive kernel
    c: float = 3.0  # weight of margin violations
    gamma: float = 0.4  # of the Gaussian kernel; each patch size has unit length
    longest_px: int = 0  # larger images are shrunk to it; 0 for never
    deskewed: bool = True
    spread_px: float = 3.6  # spread of the ink to scale widths towards; 0 for never
    spread_strength: float = 0.7  # 1 scales to spread_px exactly
    copies: int = 8  # distorted copies of each training image near a margin
    rotation: float = 0.2  # largest, radians
    scale: float = 0.1  # largest relative change of width and of height
    shear: float = 0.15  # largest, radians
    shift_px: float = 1.2  # largest


PRESETS = {
    "full": Config(),
    "quick": Config(n_words=200, n_samples=20_000, n_components=200, copies=0),
}

# upright as they are, of any size, which copies would not be; not searched
OBJECTS = {
    name: replace(config, deskewed=False, copies=0) for name, config in PRESETS.items()
}

# chosen on held-out images: docs/search/fashion_mnist/bovw_pyramid.csv
FASHION_MNIST = {
    name: replace(config, bins_px=(1.5, 2.25, 3.0), c=10.0, gamma=0.8)
    for name, config in OBJECTS.items()
}

# common values; docs/tried.md lists what was tried on validation images
_PHOTOGRAPHS = Config(
    bins_px=(4.0, 9.0, 19.0),
    step_px=4,
    margin_px=8,
    n_components=0,
    kernel="linear",
    longest_px=240,
    deskewed=False,
    copies=0,
)
PHOTOGRAPHS = {
    "full": _PHOTOGRAPHS,
    "quick": replace(
        _PHOTOGRAPHS,
        bins_px=(8.0,),
        step_px=8,
        n_words=200,
        n_samples=20_000,
        longest_px=240,
    ),
}

SEARCH = (
    {"c": 0.3},
    {"gamma": 0.8},
    {"rotation": 0.25, "scale": 0.15, "shear": 0.2, "shift_px": 1.6},
    {"c": 1.0},
    {"copies": 0},
    {"copies": 0, "deskewed": False},
    {"copies": 0, "spread_px": 0.0},
    {"copies": 0, "n_nearest": 1},
    {"copies": 0, "levels": (1,)},
    {"copies": 0, "bins_px": (2.0,)},
    {"copies": 0, "n_words": 200},
    {"copies": 0, "n_words": 800},
    {"copies": 0, "n_components": 200},
)


def candidates(n_train: int, config: Config) -> tuple[dict[str, int], ...]:
    """Settings that a learning curve chooses from: fewer words, more or no copies."""
    if not config.copies:
        return ({}, {"n_words": 100})
    more_copies = {"copies": 32} if n_train <= 1000 else {"copies": 0}
    return ({}, {"n_words": 100}, more_copies)


def build(config: Config, seed: int) -> BovwSVM:
    step_px, margin_px = config.step_px, config.margin_px
    return part_of(
        config,
        BovwSVM,
        descriptors=tuple(DenseSift(b, step_px, margin_px) for b in config.bins_px),
        encoder=part_of(config, Histograms),
        kernel=Kernel(config.kernel, config.gamma),  # type: ignore[arg-type]
        multi_class="ovr" if config.kernel == "linear" else "ovo",
        distortion=part_of(config, Distortion),
        seed=seed,
    )
