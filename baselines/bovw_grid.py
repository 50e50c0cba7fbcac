"""Bag of visual words on a dense grid: no detector, and no spatial layout either.

It takes RootSIFT descriptors at every pixel at least 2 px inside the image, without
smoothing, a k-means vocabulary and one hard count per grid point. A Gaussian kernel SVM
classifies the square roots of the counts. Fei-Fei & Perona 2005 compare grid points
with detected ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import part_of
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.histograms import Histograms
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = "dense SIFT grid, hard counts, RBF SVM"


@dataclass(frozen=True)
class Config:
    """Chosen on validation images: docs/search/mnist/bovw_grid.csv."""

    bin_px: float = 3.0  # width of a SIFT bin; a patch has 4 x 4
    step_px: int = 1  # distance of grid points
    margin_px: int = 2  # smallest distance of a grid point from the border
    n_words: int = 1000
    n_samples: int = 200_000  # descriptors that k-means is fitted to
    c: float = 10.0  # weight of margin violations
    gamma: float = 1.0  # of the Gaussian kernel; histograms have unit length
    longest_px: int = 0  # larger images are shrunk to it; 0 for never


PRESETS = {
    "full": Config(),
    "quick": Config(n_words=200, n_samples=20_000),
}

# chosen on held-out images: docs/search/fashion_mnist/bovw_grid.csv
FASHION_MNIST = {name: replace(config, bin_px=2.0) for name, config in PRESETS.items()}

# common values, as in bovw_pyramid
PHOTOGRAPHS = {
    "full": Config(bin_px=9.0, step_px=4, margin_px=8, longest_px=240),
    "quick": Config(
        bin_px=6.0,
        step_px=8,
        margin_px=8,
        n_words=200,
        n_samples=20_000,
        longest_px=240,
    ),
}

SEARCH = (
    {"bin_px": 2.0},
    {"bin_px": 4.0},
    {"step_px": 2},
    {"n_words": 500},
    {"gamma": 0.5},
    {"gamma": 2.0},
)


def build(config: Config, seed: int) -> BovwSVM:
    return part_of(
        config,
        BovwSVM,
        descriptors=(part_of(config, DenseSift),),
        encoder=part_of(config, Histograms),
        kernel=Kernel("rbf", config.gamma),
        seed=seed,
    )
