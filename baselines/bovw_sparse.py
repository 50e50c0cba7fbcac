"""Bag of visual words as on the lecture's first slide (Csurka et al. 2004).

It has detected SIFT keypoints, a k-means vocabulary, one hard count per keypoint and no
spatial layout. A Gaussian kernel SVM classifies the square roots of the counts, scaled
to unit length. A 28 x 28 digit has few scale-space extrema, so it is enlarged first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import part_of
from visbase.pipeline.descriptors.detected_sift import DetectedSift
from visbase.pipeline.encoding.histograms import Histograms
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = "detected SIFT keypoints, hard counts, RBF SVM"


@dataclass(frozen=True)
class Config:
    """Chosen on validation images: docs/search/mnist/bovw_sparse.csv."""

    upscale: float = 3.0  # enlargement before detection
    contrast_threshold: float = 0.04  # OpenCV's; a lower one keeps weaker keypoints
    n_words: int = 1000
    n_samples: int = 200_000  # descriptors that k-means is fitted to
    c: float = 10.0  # weight of margin violations
    gamma: float = 1.0  # of the Gaussian kernel; histograms have unit length
    longest_px: int = 0  # larger images are shrunk to it; 0 for never


PRESETS = {
    "full": Config(),
    "quick": Config(n_words=200, n_samples=20_000),
}

# chosen on held-out images: docs/search/fashion_mnist/bovw_sparse.csv
FASHION_MNIST = {
    name: replace(config, contrast_threshold=0.01) for name, config in PRESETS.items()
}

# common values, not searched
PHOTOGRAPHS = {
    "full": Config(upscale=2.0, longest_px=240),
    "quick": Config(upscale=1.0, n_words=200, n_samples=20_000, longest_px=240),
}

SEARCH = (
    {"upscale": 2.0},
    {"upscale": 4.0},
    {"contrast_threshold": 0.01},
    {"upscale": 4.0, "contrast_threshold": 0.01},
    {"n_words": 500},
    {"gamma": 0.5},
    {"gamma": 2.0},
)


def build(config: Config, seed: int) -> BovwSVM:
    return part_of(
        config,
        BovwSVM,
        descriptors=(part_of(config, DetectedSift),),
        encoder=part_of(config, Histograms),
        kernel=Kernel("rbf", config.gamma),
        seed=seed,
    )
