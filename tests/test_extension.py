"""One new file is one new thing: found, run, cached, saved, explained and reported.

Each file goes into a temporary folder that is searched like the package's own folder;
no existing file is edited.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.command_line import visbase
from visbase.pipeline.experiments import provenance

DESCRIPTOR = '''
"""Brightness of 16 x 16 patches, averaged to 4 x 4 numbers of unit length."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from visbase.pipeline.contracts import Descriptors
from visbase.pipeline.descriptors.flat import concatenate
from visbase.pipeline.images.batches import to_grey


@dataclass(frozen=True)
class Patches:
    step_px: int = 4
    name = "patches"
    length = 16

    def extract(self, images):
        return concatenate([self._of(image) for image in images], self.length)

    def _of(self, image):
        grey = to_grey(np.asarray(image)[None])[0].astype(np.float32)
        patches = sliding_window_view(grey, (16, 16))[:: self.step_px, :: self.step_px]
        cells = patches.reshape(-1, 4, 4, 4, 4).mean(axis=(2, 4)).reshape(-1, 16)
        y, x = self.step_px * np.indices(patches.shape[:2]).reshape(2, -1)
        height, width = grey.shape
        return Descriptors(
            cells / (np.linalg.norm(cells, axis=1, keepdims=True) + 1e-9),
            np.array([0, len(cells)]),
            np.stack([(x + 8) / width, (y + 8) / height], axis=1).astype(np.float32),
            np.full(len(cells), 4, np.float32),
        )
'''

ENCODER = '''
"""How often each word of one vocabulary occurs."""

from dataclasses import dataclass

import numpy as np

from visbase.pipeline.contracts import untracked
from visbase.pipeline.encoding.assign import nearest
from visbase.pipeline.encoding.sample import learn_vocabularies


@dataclass(frozen=True)
class Counts:
    n_words: int = 8
    n_samples: int = 2000

    def learn(self, images, descriptors, seed, track=untracked):
        settings = (self.n_words, self.n_samples, seed, track)
        return {"words": learn_vocabularies(images, descriptors, *settings)[0]}

    def layout(self, descriptors):
        return {"words": f"float32 k {descriptors[0].length}"}

    def bag(self, descriptors, arrays):
        return CountBag(descriptors[0], arrays["words"])


@dataclass(frozen=True)
class CountBag:
    descriptor: object
    words: np.ndarray

    @property
    def n_features(self):
        return len(self.words)

    def arrays(self):
        return {"words": self.words}

    def vectors(self, images):
        words = [self._assign(image)[1] for image in images]
        counts = [np.bincount(w, minlength=self.n_features) for w in words]
        return np.float32(0.1) * np.array(counts, np.float32)

    def contributions(self, image, weights):
        descriptors, words = self._assign(image)
        return [(descriptors, np.float32(0.1) * weights[words])]

    def _assign(self, image):
        descriptors = self.descriptor.extract([image])
        return descriptors, nearest(descriptors.values, self.words, 1)[0][:, 0]
'''

METHOD = '''
"""The new descriptor and the new encoder in front of a linear machine."""

from dataclasses import dataclass

from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import part_of
from visbase.pipeline.descriptors.toy_patches import Patches
from visbase.pipeline.encoding.toy_counts import Counts
from visbase.pipeline.svm.kernel import Kernel

SUMMARY = "toy patches, counts, linear SVM"


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
        descriptors=(part_of(config, Patches),),
        encoder=part_of(config, Counts),
        kernel=Kernel("linear"),
        multi_class="ovr",
        seed=seed,
    )
'''

NETWORK = '''
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
    def make_network(height, width, n_classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(height * width, n_classes))

    return NetworkClassifier(make_network, part_of(config, Recipe), seed)
'''

DATASET = '''
"""Coloured horizontal or vertical bars on noise, 32 x 32."""

import numpy as np

from visbase.pipeline.datasets.splits import Dataset, Split

SUMMARY = "toy objects: 100 + 60 colour images of 32 x 32, 2 classes"


def load(folder=None):
    classes = ("lying", "standing")
    return Dataset("toy_objects", _split(100), _split(60), classes, "objects", 3)


def _split(n):
    rng = np.random.default_rng(n)
    images = rng.integers(0, 60, (n, 32, 32, 3), np.uint8)
    images[::2, 14:18, 7:25] = images[1::2, 7:25, 14:18] = (120, 200, 250)
    return Split(images, np.arange(n) % 2, [f"{n}/{i}" for i in range(n)])
'''

MEASURE = '''
"""How often the second class is answered."""

from visbase.reports.measures import SHORT, Measure, of_labels

MEASURES = (
    Measure(
        name="standing_pct",
        title="standing %",
        better="",
        format=".1f",
        compute=of_labels(lambda truth, prediction: 100 * (prediction == 1).mean()),
        note="part of the test images that are called standing",
        short=tuple(SHORT),
    ),
)
'''

CORRUPTION = '''
"""Grey mist."""

from visbase.pipeline.experiments.corruptions import Corruption, rounded


def mist(images, part, rng):
    return rounded((1 - part) * images + part * 200.0)


CORRUPTIONS = (Corruption("toy_mist", mist, (0.1, 0.2, 0.3, 0.4, 0.5), "of the way"),)
'''

FILES = {
    "pipeline/descriptors/toy_patches.py": DESCRIPTOR,
    "pipeline/encoding/toy_counts.py": ENCODER,
    "baselines/toy_counts_svm.py": METHOD,
    "cnn/toy_net.py": NETWORK,
    "pipeline/datasets/toy_objects.py": DATASET,
    "reports/measures/toy_standing.py": MEASURE,
    "pipeline/experiments/corruptions/toy_mist.py": CORRUPTION,
}
METHODS = ("toy_counts_svm", "toy_net")


@pytest.fixture
def home(fresh_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files, which every package searches besides its own."""
    added = []
    for file, source in FILES.items():
        path = fresh_folders / "package" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        name = "visbase." + str(Path(file).parent).replace("/", ".")
        package = importlib.import_module(name)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])
        added.append((package, f"{name}.{path.stem}"))
    # only results of committed code are reported
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    monkeypatch.setattr(provenance, "commit", lambda: "a" * 40)
    yield fresh_folders
    for package, module in added:  # no other test may find them
        sys.modules.pop(module, None)
        vars(package).pop(module.rpartition(".")[2], None)


def output_of(*arguments: object) -> str:
    result = visbase(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_new_files_are_listed_run_cached_saved_opened_explained_and_reported(
    home: Path,
) -> None:
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
