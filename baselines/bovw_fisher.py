"""Fisher vectors over dense SIFT, linear SVM: for photographs and objects.

It describes small and large patches on a grid by SIFT and, where images have
colour, by local colour statistics; the training images decide how much each counts.
A mixture of Gaussians takes the place of the vocabulary, and the gradient of the
likelihood the place of counts (Perronnin, Sanchez & Mensink 2010). Positions are
appended to the descriptors instead of using a pyramid (Sanchez, Perronnin & de Campos
2012), and a photograph is encoded together with its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import Descriptor, part_of
from visbase.pipeline.descriptors.colour import LocalColour
from visbase.pipeline.descriptors.multiscale_sift import MultiscaleDenseSift
from visbase.pipeline.encoding.fisher import Fisher
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = "dense SIFT and local colour, Fisher vectors, linear SVM"
FOR = ("photographs", "objects")
PACE = (75, 60)  # ms per training and per test photograph, two cores


@dataclass(frozen=True)
class Config:
    """Settings for digits; PHOTOGRAPHS and OBJECTS have those for other images."""

    longest_px: int = 480  # larger images are shrunk to it
    bins_px: tuple[float, ...] = (2.0, 3.0)  # widths of a SIFT bin, one per patch size
    step_px: int = 2  # distance of grid points
    margin_px: int = 2  # smallest distance of a grid point from the border
    n_gaussians: int = 64
    n_components: int = 64  # principal components kept of a descriptor
    n_samples: int = 100_000  # descriptors that the mixture is fitted to
    mirrored: bool = False  # whether to encode the mirror image, too
    coarse_bins_px: tuple[float, ...] = ()  # of large patches, which get their own part
    colour_bins_px: tuple[float, ...] = ()  # of colour statistics, likewise
    coarse_step_px: int = 6  # distance of grid points of both
    c: float = 3.0  # weight of margin violations
    balanced: bool = False  # whether small classes weigh as much as large ones


PRESETS = {"full": Config(), "quick": Config(n_gaussians=16, n_samples=20_000)}

# chosen by leave-one-out errors on clothes and scenes, see docs/tried.md
_PHOTOGRAPHS = Config(
    longest_px=320,
    bins_px=(4.0, 6.0, 9.0),
    step_px=4,
    margin_px=8,
    coarse_bins_px=(12.0, 18.0, 27.0),
    colour_bins_px=(4.0, 9.0, 19.0),
    n_gaussians=256,
    mirrored=True,
)
PHOTOGRAPHS = {
    "full": _PHOTOGRAPHS,
    "quick": replace(_PHOTOGRAPHS, step_px=8, n_gaussians=64, n_samples=30_000),
}

# chosen on held-out images of CIFAR-10, see docs/tried.md
_OBJECTS = Config(
    bins_px=(1.5, 2.25),
    coarse_bins_px=(3.0, 4.5),
    colour_bins_px=(1.5, 2.5, 4.0),
    coarse_step_px=2,
    mirrored=True,
)
OBJECTS = {
    "full": _OBJECTS,
    "quick": replace(
        _OBJECTS, step_px=4, coarse_step_px=4, n_gaussians=16, n_samples=20_000
    ),
}

SEARCH = (
    {"mirrored": False},
    {"n_gaussians": 128},
    {"longest_px": 280},
    {"coarse_bins_px": ()},
    {"n_components": 80},
)


def build(config: Config, seed: int) -> BovwSVM:
    coarse = (config.coarse_step_px, config.margin_px)
    descriptors: list[Descriptor] = [part_of(config, MultiscaleDenseSift)]
    if config.coarse_bins_px:
        descriptors.append(MultiscaleDenseSift(config.coarse_bins_px, *coarse))
    if config.colour_bins_px:
        descriptors.append(LocalColour(config.colour_bins_px, *coarse))
    return part_of(
        config,
        BovwSVM,
        descriptors=tuple(descriptors),
        encoder=part_of(config, Fisher),
        n_components=0,  # keep vectors whole; the config's is for descriptors
        kernel=Kernel("linear"),
        multi_class="ovr",
        seed=seed,
    )
