"""The residual network (`resnet`) without its shortcuts, otherwise identical."""

from __future__ import annotations

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.resnet import FASHION_MNIST as FASHION_MNIST
from visbase.cnn.resnet import OBJECTS as OBJECTS
from visbase.cnn.resnet import PHOTOGRAPHS as PHOTOGRAPHS
from visbase.cnn.resnet import PRESETS as PRESETS
from visbase.cnn.resnet import Config as Config
from visbase.cnn.resnet import classifier

SUMMARY = "the network of `resnet` without shortcuts, augmented images"


def build(config: Config, seed: int) -> NetworkClassifier:
    return classifier(config, seed, shortcut=False)
