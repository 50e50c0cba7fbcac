"""Virtual support vector machine: the lecture's "best SVM", 0.56 %.

It follows DeCoste & Schölkopf 2002, section 4, in two passes: a degree 9 polynomial
SVM is trained on the deskewed digits; its support vectors, and they alone, are shifted
by every offset of up to jitter_px pixels in both directions; a second SVM is trained
on the support vectors and their shifted copies. Theirs differs in the machine, one
against the rest, where this one decides between pairs of classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.kernel_svm import Kernel
from pipeline.pixel_svm import PixelSVM

SUMMARY = "virtual SVM: degree 9 polynomial, deskewed, support vectors shifted by 2 px"


@dataclass(frozen=True)
class Config:
    """Chosen on validation images: docs/search/mnist/svm_virtual.csv."""

    c: float = 0.03  # weight of margin violations; the kernel reaches 2^9
    gamma: float = 1.0  # of the kernel (gamma x.y + 1)^9, images of unit length
    degree: int = 9
    jitter_px: int = 2  # reach of the shifts


PRESETS = {"full": Config(), "quick": Config(jitter_px=1)}

SEARCH = ({"c": 0.3}, {"jitter_px": 1}, {"degree": 5})


def build(config: Config, seed: int) -> PixelSVM:
    kernel = Kernel("poly", config.gamma, config.degree)
    return PixelSVM(kernel, config.c, True, True, config.jitter_px)
