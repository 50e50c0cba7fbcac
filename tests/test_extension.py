"""One new file is one new thing: found, run, cached, saved, explained and reported.

Each file is put into a temporary folder that its room is told to look into as well;
nothing that is there already is edited.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from visbase.pipeline.commands import main
from visbase.pipeline.experiments import provenance

DESCRIPTOR = '''
"""Orientation histograms of 2 x 2 cells: 36 numbers for the whole image."""

from dataclasses import dataclass

import numpy as np

from visbase.pipeline.contracts import Descriptors
from visbase.pipeline.images.batches import to_grey


@dataclass(frozen=True)
class Gradients:
    step_px: int = 4
    name = "gradients"
    length = 36

    def extract(self, images):
        values, xy, counts = [], [], []
        for image in images:
            grey = to_grey(np.asarray(image)[None])[0].astype(np.float32)
            dy, dx = np.gradient(grey)
            angle = ((np.arctan2(dy, dx) / np.pi + 1) * 4.499).astype(int)
            height, width = grey.shape
            places = [
                (y, x)
                for y in range(0, height - 15, self.step_px)
                for x in range(0, width - 15, self.step_px)
            ]
            counts.append(len(places))
            for y, x in places:
                cells = [
                    np.bincount(
                        angle[r : r + 8, c : c + 8].ravel(),
                        np.hypot(dx, dy)[r : r + 8, c : c + 8].ravel(),
                        minlength=9,
                    )
                    for r in (y, y + 8)
                    for c in (x, x + 8)
                ]
                one = np.concatenate(cells)
                values.append(one / (np.linalg.norm(one) + 1e-9))
                xy.append([(x + 8) / width, (y + 8) / height])
        n = len(values)
        return Descriptors(
            np.array(values, np.float32).reshape(n, self.length),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.array(xy, np.float32).reshape(n, 2),
            np.full(n, 4, np.float32),
        )
'''

ENCODER = '''
"""Sums of residuals over one vocabulary, without any normalisation but the length."""

from dataclasses import dataclass

import numpy as np

from visbase.pipeline.contracts import untracked
from visbase.pipeline.encoding.assign import nearest
from visbase.pipeline.encoding.sample import learn_vocabularies


@dataclass(frozen=True)
class Residuals:
    n_words: int = 8
    n_samples: int = 2000

    def learn(self, images, descriptors, seed, track=untracked):
        words = learn_vocabularies(
            images, descriptors, self.n_words, self.n_samples, seed, track
        )
        return {"words": words[0]}

    def layout(self, descriptors):
        return {"words": f"float32 k {descriptors[0].length}"}

    def bag(self, descriptors, arrays):
        return ResidualBag(descriptors[0], arrays["words"])


@dataclass(frozen=True)
class ResidualBag:
    descriptor: object
    words: np.ndarray

    @property
    def n_features(self):
        return self.words.size

    def arrays(self):
        return {"words": self.words}

    def _sums(self, found):
        index = nearest(found.values, self.words, 1)[0][:, 0]
        residuals = found.values - self.words[index]
        sums = np.zeros((found.n_images, *self.words.shape), np.float32)
        image = np.repeat(np.arange(found.n_images), np.diff(found.offsets))
        np.add.at(sums, (image, index), residuals)
        return sums.reshape(found.n_images, -1), index, residuals

    def vectors(self, images):
        sums = self._sums(self.descriptor.extract(images))[0]
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        return sums / np.maximum(length, 1e-9)

    def contributions(self, image, weights):
        found = self.descriptor.extract([image])
        sums, index, residuals = self._sums(found)
        own = weights.reshape(self.words.shape) / max(np.linalg.norm(sums), 1e-9)
        return [(found, (residuals * own[index]).sum(axis=1).astype(np.float32))]
'''

METHOD = '''
"""The new descriptor and the new encoder in front of a linear machine."""

from dataclasses import dataclass

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import part_of
from visbase.pipeline.descriptors.toy_gradients import Gradients
from visbase.pipeline.encoding.toy_residuals import Residuals
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = "toy gradients, residuals, linear SVM"


@dataclass(frozen=True)
class Config:
    step_px: int = 4
    n_words: int = 8
    n_samples: int = 2000
    c: float = 10.0


PRESETS = {"full": Config(), "quick": Config(n_words=4)}


def build(config, seed):
    return part_of(
        config,
        BovwSVM,
        descriptors=(part_of(config, Gradients),),
        encoder=part_of(config, Residuals),
        kernel=Kernel("linear"),
        multi_class="ovr",
        seed=seed,
    )
'''

NETWORK = '''
"""One convolution and one linear layer."""

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
    def make_network(height, width, n_classes):
        return nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * ((height - 3) // 2) * ((width - 3) // 2), n_classes),
        )

    return NetworkClassifier(make_network, part_of(config, Recipe), seed)
'''

DATASET = '''
"""Coloured discs and bars on noise, 32 x 32."""

import cv2
import numpy as np

from visbase.pipeline.datasets.splits import Dataset, Split

SUMMARY = "toy objects: 160 + 60 colour images of 32 x 32, 2 classes"


def load(folder=None):
    return Dataset(
        "toy_objects", _split(160, 0), _split(60, 1), ("disc", "bar"), "objects", 3
    )


def _split(n, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (n, 32, 32, 3), np.uint8)
    labels = np.arange(n) % 2
    for image, label in zip(images, labels):
        x, y = map(int, rng.integers(12, 20, 2))
        colour = tuple(map(int, rng.integers(120, 256, 3)))
        if label:
            cv2.rectangle(image, (x - 9, y - 2), (x + 9, y + 2), colour, -1)
        else:
            cv2.circle(image, (x, y), 6, colour, -1)
    return Split(images, labels.astype(np.int64), [f"{seed}/{i}" for i in range(n)])
'''

MEASURE = '''
"""How often the second class is answered."""

from visbase.reports.measures import SHORT, Measure, of_labels

MEASURES = (
    Measure(
        name="bars_pct",
        title="bars %",
        better="",
        format=".1f",
        compute=of_labels(lambda truth, prediction: 100 * (prediction == 1).mean()),
        note="part of the test images that are called bars",
        short=tuple(SHORT),
    ),
)
'''

CORRUPTION = '''
"""Grey mist."""

import numpy as np

from visbase.pipeline.experiments.corruptions import Corruption, rounded


def mist(images, part, rng):
    return rounded((1 - part) * images + part * 200.0)


CORRUPTIONS = (Corruption("toy_mist", mist, (0.1, 0.2, 0.3, 0.4, 0.5), "of the way"),)
'''

FILES = {
    "pipeline/descriptors/toy_gradients.py": DESCRIPTOR,
    "pipeline/encoding/toy_residuals.py": ENCODER,
    "baselines/toy_residual_svm.py": METHOD,
    "cnn/toy_net.py": NETWORK,
    "pipeline/datasets/toy_objects.py": DATASET,
    "reports/measures/toy_bars.py": MEASURE,
    "pipeline/experiments/corruptions/toy_mist.py": CORRUPTION,
}
METHODS = ("toy_residual_svm", "toy_net")


@pytest.fixture
def rooms(fresh_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files in a folder of their own, which every room looks into as well."""
    added = []
    for file, source in FILES.items():
        path = fresh_folders / "package" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        name = "visbase." + str(Path(file).parent).replace("/", ".")
        package = importlib.import_module(name)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])
        added.append((package, f"{name}.{path.stem}"))
    # what committed code leaves becomes evidence for the report
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    monkeypatch.setattr(provenance, "commit", lambda: "a" * 40)
    yield fresh_folders
    for package, module in added:  # no other test shall find them
        sys.modules.pop(module, None)
        vars(package).pop(module.rpartition(".")[2], None)


def visbase(*arguments: object) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result


def test_new_files_are_listed_run_cached_saved_opened_explained_and_reported(
    rooms: Path,
) -> None:
    listed = visbase("methods").stdout + visbase("datasets").stdout
    for name in (*METHODS, "toy_objects"):
        assert name in listed

    picture = rooms / "bar.png"
    bar = np.zeros((40, 40, 3), np.uint8)
    cv2.rectangle(bar, (6, 18), (34, 22), (250, 250, 250), -1)
    cv2.imwrite(str(picture), bar)
    for method in METHODS:
        model = rooms / f"{method}.visbase"
        run = ("run", method, "--dataset", "toy_objects", "--save", model)
        assert " 60 toy_objects test images" in visbase(*run).stdout
        cache = rooms / "artifacts" / "cache"
        entries = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
        visbase(*run)  # recalled: nothing is written again
        assert {p: p.stat().st_mtime_ns for p in cache.iterdir()} == entries
        (answer,) = json.loads(visbase("predict", model, picture, "--json").stdout)
        assert set(answer["scores"]) == {"disc", "bar"}
        out = rooms / f"{method}.png"
        visbase("explain", model, picture, "--out", out)
        assert cv2.imread(str(out)) is not None
        corrupted = visbase("corruption", model, "--dataset", "toy_objects").stdout
        assert f"{method}, toy_mist 0.3 of the way" in corrupted

    report = rooms / "report"
    shown = visbase("report", "--dataset", "toy_objects", "--out", report).stdout
    assert "bars %" in shown
    written = {path.suffix: path.read_text() for path in report.glob("comparison.*")}
    page = (report / "index.html").read_text()
    for text in (*written.values(), page):
        assert "toy_net" in text or "toy\\_net" in text
    assert "bars_pct" in written[".csv"]
    assert "bars_pct" in written[".json"]
    assert "bars %" in written[".md"]
    assert r"bars \%" in written[".tex"]
    assert "bars %" in page
    assert "toy mist" in page
