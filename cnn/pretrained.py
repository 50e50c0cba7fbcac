"""A network pretrained on ImageNet as it is, and a linear discriminant of its features.

The features of such networks, trained for other classes, are hard to beat with few
photographs (Donahue et al. 2014; Razavian et al. 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.backbone.frozen import FrozenBackbone
from visbase.pipeline.contracts import part_of

SUMMARY = "frozen EfficientNet-lite0, trained on 1.3 million other photographs"
FOR = ("photographs",)
PACE = (28, 30)  # ms per training and per test photograph, two cores


@dataclass(frozen=True)
class Config:
    """Chosen by cross-validation on training photographs, see docs/tried.md."""

    backbone: str = "tf_efficientnet_lite0"  # any of timm's names
    weights: str = ""  # a file; "": a package has lite0's, timm's cache may have others
    size_px: int = 288  # side of the square that an image becomes; 0: the network's own
    mirrored: bool = True  # average with the features of the mirror image
    shrinkage: float = 0.3  # of the covariance, see `fit_discriminant`
    balanced: bool = False  # whether small classes are as likely as large ones
    keep_backbone: bool = True  # in saved models; else its name and checksum only


PRESETS = {"full": Config(), "quick": Config(size_px=224, mirrored=False)}

SEARCH = ({"mirrored": False}, {"size_px": 224}, {"size_px": 320}, {"shrinkage": 0.1})


def build(config: Config, seed: int) -> FrozenBackbone:
    return part_of(config, FrozenBackbone)
