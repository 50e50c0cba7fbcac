"""Fisher vectors over dense SIFT, linear SVM: the classical method for photographs.

It describes several patch sizes on one grid, by SIFT and, where photographs have
colour, by local colour statistics; the training images decide how much colour counts.
A mixture of Gaussians takes the place of the vocabulary, and the gradient of the
likelihood the place of counts (Perronnin, Sanchez & Mensink 2010). Positions are
appended to the descriptors instead of using a pyramid (Sanchez, Perronnin & de Campos
2012), and a photograph is encoded together with its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import part_of
from visbase.pipeline.descriptors.colour import LocalColour
from visbase.pipeline.descriptors.multiscale_sift import MultiscaleDenseSift
from visbase.pipeline.encoding.fisher import Fisher
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = "dense SIFT and local colour, Fisher vectors, linear SVM"
FOR = ("photographs",)


@dataclass(frozen=True)
class Config:
    """Settings for digits; PHOTOGRAPHS has those for photographs."""

    longest_px: int = 480  # larger images are shrunk to it
    bins_px: tuple[float, ...] = (2.0, 3.0)  # widths of a SIFT bin, one per patch size
    step_px: int = 2  # distance of grid points
    margin_px: int = 2  # smallest distance of a grid point from the border
    n_gaussians: int = 64
    n_components: int = 64  # principal components kept of a descriptor
    n_samples: int = 100_000  # descriptors that the mixture is fitted to
    mirrored: bool = False  # whether to encode the mirror image, too
    colour: bool = False  # whether to describe the colours of photographs that have any
    c: float = 3.0  # weight of margin violations


PRESETS = {"full": Config(), "quick": Config(n_gaussians=16, n_samples=20_000)}

# chosen by leave-one-out errors on clothes and scenes, see docs/tried.md
PHOTOGRAPHS = {
    "full": Config(
        longest_px=280,
        bins_px=(5.0, 8.0, 12.0, 18.0, 26.0),
        step_px=4,
        margin_px=8,
        n_gaussians=256,
        mirrored=True,
        colour=True,
    ),
    "quick": Config(
        longest_px=160,
        bins_px=(5.0, 8.0, 13.0),
        step_px=4,
        margin_px=6,
        n_samples=30_000,
        mirrored=True,
        colour=True,
    ),
}

SEARCH = (
    {"mirrored": False},
    {"n_gaussians": 128},
    {"longest_px": 320},
    {"bins_px": (4.0, 6.0, 9.0, 13.0, 19.0)},
    {"n_components": 80},
)


def build(config: Config, seed: int) -> BovwSVM:
    sift, colour = part_of(config, MultiscaleDenseSift), part_of(config, LocalColour)
    return part_of(
        config,
        BovwSVM,
        descriptors=(sift, colour) if config.colour else (sift,),
        encoder=part_of(config, Fisher),
        n_components=0,  # keep vectors whole; the config's is for descriptors
        kernel=Kernel("linear"),
        multi_class="ovr",
        seed=seed,
    )
