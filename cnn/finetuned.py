"""A network pretrained on ImageNet, its last layers trained on, and a discriminant.

The last layers know ImageNet's classes best and transfer least (Yosinski et al. 2014,
"How transferable are features in deep neural networks?").
"""

from __future__ import annotations

from dataclasses import dataclass

from visbase.cnn.backbone.finetuning import FinetunedBackbone
from visbase.pipeline.contracts import part_of

SUMMARY = "EfficientNet-lite0, trained on 1.3 million other photographs, then on these"
FOR = ("photographs",)
PACE = (110, 30)  # ms per training and per test photograph, two cores


@dataclass(frozen=True)
class Config:
    """Chosen by cross-validation on training photographs, see docs/tried.md."""

    backbone: str = "tf_efficientnet_lite0"  # any of timm's EfficientNets or ResNets
    weights: str = ""  # a file; "": a package has lite0's, timm's cache may have others
    size_px: int = 288  # side of the square that an image becomes; 0: the network's own
    mirrored: bool = True  # learn from mirror images, and average with their features
    tuned_layers: int = 3  # the last ones; of lite0, a block and a convolution
    epochs: int = 8  # for 3,000 photographs, more for fewer
    learning_rate: float = 1e-3  # its peak
    dropout: float = 0.3  # of the pooled features
    shrinkage: float = 0.3  # of the covariance, see `fit_discriminant`
    balanced: bool = False  # whether small classes are as likely as large ones


PRESETS = {
    "full": Config(),
    "quick": Config(size_px=224, mirrored=False, epochs=2),
}

SEARCH = ({"epochs": 16}, {"learning_rate": 5e-4}, {"tuned_layers": 4})


def build(config: Config, seed: int) -> FinetunedBackbone:
    return part_of(config, FinetunedBackbone, keep_backbone=True, seed=seed)
