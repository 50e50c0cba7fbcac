"""A method that always gives the same answer, and a dataset for it."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.models.methods import MethodFile

FITTED: list[int] = []  # images of every fit
PREDICTED: list[int] = []  # brightest pixel of every prediction


@dataclass(frozen=True)
class Config:
    answer: int = 0
    sizes: tuple[int, ...] = (1, 2)


class Constant:
    """Gives the configured answer; fails to fit if that is negative."""

    n_parameters = 3

    def __init__(self, config: Config, seed: int) -> None:
        self.answer = config.answer

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        if self.answer < 0:
            raise ValueError("negative\n  answer")
        assert images.max() < 200, "a test image was used to fit"
        FITTED.append(len(images))

    def predict(self, images: np.ndarray) -> np.ndarray:
        PREDICTED.append(images.max())
        return np.full(len(images), self.answer)

    def scores(self, images: np.ndarray) -> np.ndarray:
        return np.tile(np.eye(2)[self.answer], (len(images), 1))

    def arrays(self) -> dict[str, np.ndarray]:
        return {"classes": np.arange(2)}

    def show(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {"kernels": images.astype(np.float16)}


def make_method(patch: pytest.MonkeyPatch, answer: int = 0, **more: Any) -> MethodFile:
    """The method, with more in its file, as if found; all presets give `answer`."""
    FITTED.clear()
    PREDICTED.clear()
    presets = {"full": Config(answer), "quick": Config(answer)}
    module = SimpleNamespace(PRESETS=presets, build=Constant, **more)
    patch.setattr(MethodFile, "load", lambda self: module)
    return MethodFile("constant", "baselines", "always the same")


def make_dataset(train_labels: np.ndarray, test_labels: np.ndarray) -> Dataset:
    """Dark training images and bright test images."""

    def split(labels: np.ndarray, grey: int) -> Split:
        names = [str(i) for i in range(len(labels))]
        return Split(np.full((len(labels), 4, 4), grey, np.uint8), labels, names)

    classes = tuple(map(str, np.unique(train_labels)))
    train, test = split(train_labels, 0), split(test_labels, 255)
    return Dataset("tiny", train, test, classes, "digits", 1)
