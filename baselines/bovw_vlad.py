"""VLAD over dense SIFT, linear SVM: between counts of words and Fisher vectors.

It uses the grid of `bovw_fisher`. Each patch size has a vocabulary, and an image is
represented by the summed differences of its descriptors from their nearest words (Jegou
et al. 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import part_of
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.vlad import Vlad
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = "dense SIFT, VLAD, linear SVM"
FOR = ("photographs",)


@dataclass(frozen=True)
class Config:
    """Settings for digits; PHOTOGRAPHS has those for photographs."""

    longest_px: int = 480  # larger images are shrunk to it
    bins_px: tuple[float, ...] = (2.0, 3.0)  # widths of a SIFT bin, one per patch size
    step_px: int = 2  # distance of grid points
    margin_px: int = 2  # smallest distance of a grid point from the border
    n_words: int = 64  # per patch size
    n_samples: int = 100_000  # descriptors per patch size for k-means
    c: float = 3.0  # weight of margin violations


PRESETS = {"full": Config(), "quick": Config(n_words=16, n_samples=20_000)}

# the grid of bovw_fisher, not searched
PHOTOGRAPHS = {
    "full": Config(bins_px=(4.0, 6.0, 8.0, 10.0), step_px=6, margin_px=8),
    "quick": Config(
        longest_px=240, bins_px=(6.0, 8.0), step_px=6, margin_px=8, n_samples=30_000
    ),
}

SEARCH = ({"n_words": 32}, {"n_words": 128}, {"c": 1.0}, {"c": 10.0})


def build(config: Config, seed: int) -> BovwSVM:
    step_px, margin_px = config.step_px, config.margin_px
    return part_of(
        config,
        BovwSVM,
        descriptors=tuple(DenseSift(b, step_px, margin_px) for b in config.bins_px),
        encoder=part_of(config, Vlad),
        kernel=Kernel("linear"),
        multi_class="ovr",
        seed=seed,
    )
