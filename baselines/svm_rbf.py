"""Gaussian kernel SVM on raw pixels (LeCun et al. 1998: 1.4 %)."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.kernel_svm import Kernel
from pipeline.pixel_svm import PixelSVM

SUMMARY = "RBF SVM, raw pixels"


@dataclass(frozen=True)
class Config:
    """Chosen on validation images: docs/search/mnist/svm_rbf.csv."""

    c: float = 10.0  # weight of margin violations
    gamma: float = 0.025  # of the Gaussian kernel, pixels in [0, 1]


PRESETS = {"full": Config(), "quick": Config()}

SEARCH = ({"gamma": 0.015}, {"gamma": 0.035}, {"c": 3.0}, {"c": 30.0})


def build(config: Config, seed: int) -> PixelSVM:
    return PixelSVM(Kernel("rbf", config.gamma), config.c)
