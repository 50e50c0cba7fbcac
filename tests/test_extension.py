"""One new file is one new thing: found, run, cached, saved, explained and reported.

Each file goes into a temporary folder that is searched like the package's own folder;
no existing file is edited.
"""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.command_line import visbase
from visbase.pipeline.experiments import provenance

FILES = {
    "pipeline/descriptors/toy_patches.py": '''
"""Brightness of 16 patches, 4 x 4 side by side, of 8 x 8 values each."""

from dataclasses import dataclass

import cv2
import numpy as np

from visbase.pipeline.contracts import Descriptors
from visbase.pipeline.descriptors.flat import concatenate
from visbase.pipeline.images.batches import to_grey


@dataclass(frozen=True)
class Patches:
    brightest: float = 255.0
    name = "patches"
    length = 64

    def extract(self, images):
        return concatenate([self._of(image) for image in images], self.length)

    def _of(self, image):
        grey = cv2.resize(to_grey(np.asarray(image)[None])[0], (32, 32))
        patches = grey.reshape(4, 8, 4, 8).swapaxes(1, 2).reshape(16, 64)
        y, x = np.indices((4, 4)).reshape(2, 16)
        return Descriptors(
            (patches / self.brightest).astype(np.float32),
            np.array([0, 16]),
            np.stack([(x + 0.5) / 4, (y + 0.5) / 4], axis=1).astype(np.float32),
            np.full(16, max(image.shape) / 16, np.float32),
        )
''',
    "pipeline/encoding/toy_mean.py": '''
"""The mean descriptor of an image, as its difference from that of all images."""

from dataclasses import dataclass

import numpy as np

from visbase.pipeline.contracts import untracked


@dataclass(frozen=True)
class Mean:
    def learn(self, images, descriptors, seed, track=untracked):
        return {"centre": descriptors[0].extract(images).values.mean(axis=0)}

    def layout(self, descriptors):
        return {"centre": f"float32 {descriptors[0].length}"}

    def bag(self, descriptors, arrays):
        return MeanBag(descriptors[0], arrays["centre"])


@dataclass(frozen=True)
class MeanBag:
    descriptor: object
    centre: np.ndarray

    @property
    def n_features(self):
        return len(self.centre)

    def arrays(self):
        return {"centre": self.centre}

    def vectors(self, images):
        each = [self.descriptor.extract([image]).values for image in images]
        return np.stack([values.mean(axis=0) - self.centre for values in each])

    def contributions(self, image, weights):
        descriptors = self.descriptor.extract([image])
        parts = (descriptors.values - self.centre) @ weights / len(descriptors.values)
        return [(descriptors, parts)]
''',
    "baselines/toy_mean_svm.py": '''
"""The new descriptor and the new encoder in front of a linear machine."""

from dataclasses import dataclass

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import part_of
from visbase.pipeline.descriptors.toy_patches import Patches
from visbase.pipeline.encoding.toy_mean import Mean
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = "toy patches, mean, linear SVM"


@dataclass(frozen=True)
class Config:
    brightest: float = 255.0
    c: float = 10.0


PRESETS = {"full": Config(), "quick": Config(c=1.0)}


def build(config, seed):
    parts = {"descriptors": (part_of(config, Patches),), "encoder": Mean()}
    machine = {"kernel": Kernel("linear"), "multi_class": "ovr"}
    return part_of(config, BovwSVM, **parts, **machine, seed=seed)
''',
    "cnn/toy_net.py": '''
"""One linear layer."""

from dataclasses import dataclass

from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.contracts import part_of

SUMMARY = "toy network"


@dataclass(frozen=True)
class Config:
    epochs: int = 5
    learning_rate: float = 5e-3


PRESETS = {"full": Config(), "quick": Config(epochs=1)}


def build(config, seed):
    def make_network(height, width, n_classes, channels):
        n_inputs = channels * height * width
        return nn.Sequential(nn.Flatten(), nn.Linear(n_inputs, n_classes))

    return NetworkClassifier(make_network, part_of(config, Recipe), seed)
''',
    "pipeline/datasets/toy_objects.py": '''
"""Coloured horizontal or vertical bars on noise, 32 x 32."""

import numpy as np

from visbase.pipeline.datasets.splits import Dataset, Split

SUMMARY = "toy objects: 100 + 60 colour images of 32 x 32, 2 classes"


def load(folder=None):
    classes = ("lying", "standing")
    return Dataset("toy_objects", _split(100), _split(60), classes, "objects", 3)


def _split(n):
    images = np.random.default_rng(n).integers(0, 60, (n, 32, 32, 3), np.uint8)
    images[::2, 14:18, 7:25] = images[1::2, 7:25, 14:18] = (120, 200, 250)
    return Split(images, np.arange(n) % 2, [f"{n}/{i}" for i in range(n)])
''',
    "reports/measures/toy_standing.py": '''
"""How often the second class is answered."""

from visbase.reports.measures import SHORT, Measure, of_labels

pct = of_labels(lambda truth, prediction: 100 * (prediction == 1).mean())
MEASURES = (Measure("standing_pct", "standing %", "", ".1f", pct, "Said.", SHORT),)
''',
    "pipeline/experiments/corruptions/toy_mist.py": '''
"""Grey mist."""

from visbase.pipeline.experiments.corruptions import Corruption, rounded


def mist(images, part, rng):
    return rounded((1 - part) * images + part * 200.0)


CORRUPTIONS = (Corruption("toy_mist", mist, (0.1, 0.2, 0.3, 0.4, 0.5), "of the way"),)
''',
}
METHODS = ("toy_mean_svm", "toy_net")


def output_of(*arguments: object) -> str:
    result = visbase(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_new_files_are_found_run_cached_saved_and_reported(
    fresh_folders: Path, add_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, source in FILES.items():
        add_file(file, source)
    # only results of committed code are reported
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    monkeypatch.setattr(provenance, "commit", lambda: "a" * 40)
    home = fresh_folders
    listed = output_of("methods") + output_of("datasets")
    for name in (*METHODS, "toy_objects"):
        assert name in listed

    picture = home / "bar.png"
    bar = np.zeros((40, 40, 3), np.uint8)
    bar[18:22, 6:34] = 250
    cv2.imwrite(str(picture), bar)
    for method in METHODS:
        model = home / f"{method}.visbase"
        run = ("run", method, "--dataset", "toy_objects", "--save", model)
        assert " 60 toy_objects test images" in output_of(*run)
        cache = home / "artifacts" / "cache"
        entries = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
        output_of(*run)  # from the cache: nothing is written again
        assert {p: p.stat().st_mtime_ns for p in cache.iterdir()} == entries
        (answer,) = json.loads(output_of("predict", model, picture, "--json"))
        assert set(answer["scores"]) == {"lying", "standing"}
        out = home / f"{method}.png"
        output_of("explain", model, picture, "--out", out)
        assert cv2.imread(str(out)) is not None

    corrupted = output_of("corruption", model, "--dataset", "toy_objects")
    assert "toy_net, toy_mist 0.3 of the way" in corrupted
    report = home / "report"
    printed = output_of("report", "--dataset", "toy_objects", "--out", report)
    page = (report / "index.html").read_text()
    files = [path.read_text() for path in report.glob("comparison.*")]
    assert len(files) == 4
    for text in (printed, page, *files):
        assert "toy_net" in text.replace("\\_", "_")
        assert re.search(r"standing(_pct| \\?%)", text)
    assert "toy mist" in page
