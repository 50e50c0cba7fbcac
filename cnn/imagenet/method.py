"""The networks for ImageNet as methods for one's own photographs, in colour.

They train from random weights, or go on from those of others (`weights`): with new
logits alone, with the last stage besides, or altogether (`train`). Photographs are
squashed to squares, of 256 pixels for crops of 224, of which every epoch sees other
crops. They are not methods of any other table: `visbase run` finds them by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Literal

from visbase.cnn.imagenet import DEVIATION, find_networks
from visbase.cnn.imagenet.classifier import ImageNetClassifier
from visbase.cnn.training.crops import Crops, LitCrops
from visbase.cnn.training.trainer import Recipe
from visbase.cnn.training.views import Middle, TenCrops

# Krizhevsky et al. 2012, section 5; "plateau" automates what they did by hand
ALEXNET = Recipe(
    epochs=90,
    optimiser="sgd",
    schedule="plateau",
    learning_rate=0.01,
    weight_decay=5e-4,
    batch_size=128,
)
# that of `cnn.resnet` for photographs with the lower rate of networks without batch
# normalisation; not tuned
MODERN = Recipe(
    epochs=60,
    epochs_for=3400,
    batch_size=64,
    learning_rate=1e-3,
    weight_decay=0.05,
    label_smoothing=0.1,
    bfloat16=True,
)
# weights of others need less; not tuned either
FINE_TUNING = replace(MODERN, epochs=15, learning_rate=2e-4)


@dataclass(frozen=True)
class Config:
    """Settings; 0 in the last three stands for the value of the recipe."""

    weights: str = ""  # a file of weights of this network; "": random weights
    train: Literal["head", "last", "all"] = "all"  # what learns
    recipe: Literal["modern", "alexnet"] = "modern"
    crop_px: int = 0  # side of the crops; 0: what the network was published with
    epochs: int = 0
    batch_size: int = 0
    learning_rate: float = 0.0  # peak of the cycle, or the initial rate


PRESETS = {"full": Config(), "quick": Config(epochs=3)}


def build(network: str, config: Config, seed: int) -> ImageNetClassifier:
    """The classifier of one of `find_networks`."""
    entry = find_networks()[network]
    recipe = FINE_TUNING if config.weights else MODERN
    if config.recipe == "alexnet":
        recipe = ALEXNET
    given = {
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
    }
    recipe = replace(recipe, **{k: v for k, v in given.items() if v})  # type: ignore[arg-type]
    if config.epochs:
        recipe = replace(recipe, epochs_for=0)
    px = config.crop_px or entry.side_px
    deviation = DEVIATION[0] / entry.weights.deviation[0]  # once standardised
    return ImageNetClassifier(
        network,
        recipe,
        seed,
        augment=(
            LitCrops(px, entry.weights.deviation)
            if config.recipe == "alexnet"
            else Crops(px, smallest_crop=0.35, light=0.3, deviation=deviation)
        ),
        views=TenCrops(px) if config.recipe == "alexnet" else Middle(px),
        crop_px=px,
        weights=config.weights,
        part=config.train,
    )


def method_of(network: str) -> SimpleNamespace:
    """What a method file defines, for one of the networks."""
    return SimpleNamespace(
        Config=Config, PRESETS=PRESETS, build=partial(build, network)
    )
