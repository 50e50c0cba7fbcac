"""A stage is keyed by the source of the modules that compute it, wherever they lie."""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.storage import PACKAGE
from visbase.pipeline.storage.code import source_digest

DESCRIPTOR = """
from dataclasses import dataclass

import numpy as np

import beside
from elsewhere.sizes import length
from visbase.pipeline.contracts import Descriptors


@dataclass(frozen=True)
class Brightness:
    name = "brightness"
    length = length()

    def extract(self, images):
        values = np.stack([[image.mean() * k for k in range(3)] for image in images])
        n = len(values)
        return Descriptors(
            values.astype(np.float32),
            np.arange(n + 1),
            np.full((n, 2), 0.5, np.float32),
            np.ones(n, np.float32),
        )
"""
# what a user would do: fit on some digits, with a descriptor from a folder of their own
FIT = """
from elsewhere.brightness import Brightness
from visbase.pipeline import bovw
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.encoding.histograms import Histograms
from visbase.pipeline.svm.kernel import Kernel

bovw.WORTH_KEEPING = 1
train = load_dataset("mnist").train
model = bovw.BovwSVM((Brightness(),), Histograms(5, 100), Kernel("rbf"), 1.0, seed=0)
model.fit(train.images[:60], train.labels[:60])
"""
STAGES = {"vocabulary", "features", "svm"}


class Project:
    """A copy of this package beside a user's folder; both can be edited."""

    def __init__(self, root: Path) -> None:
        self.root = root
        kept = shutil.ignore_patterns("results", "*.npy", "__pycache__", "mnist")
        shutil.copytree(PACKAGE, root / "visbase", ignore=kept)
        elsewhere = root / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "__init__.py").touch()
        (elsewhere / "brightness.py").write_text(DESCRIPTOR)
        (root / "beside.py").touch()
        (elsewhere / "sizes.py").write_text("def length():\n    return 3\n")

    def run(self, code: str) -> str:
        """Run the code in a new process; return what it prints."""
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.root,
            env=os.environ
            | {
                "PYTHONPATH": str(self.root),
                "VISBASE_ARTIFACTS": str(self.root / "artifacts"),
                "NUMBA_CACHE_DIR": str(self.root / "compiled"),
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def fit(self) -> dict[str, set[str]]:
        """Fit in a new process; return the entries of each stage."""
        self.run(FIT)
        return self.entries()

    def entries(self) -> dict[str, set[str]]:
        names: dict[str, set[str]] = {stage: set() for stage in STAGES}
        for entry in (self.root / "artifacts" / "cache").iterdir():
            names[entry.name.partition("-")[0]].add(entry.name)
        return names

    def edit(self, file: str) -> None:
        path = self.root / file
        path.write_text(path.read_text() + "\n# edited\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("project"))
    project.fit()
    return project


@pytest.mark.parametrize(
    ("files", "rebuilt"),
    [
        (["elsewhere/brightness.py"], {"vocabulary", "features"}),
        (["elsewhere/sizes.py"], {"vocabulary", "features"}),
        (["beside.py"], {"vocabulary", "features"}),
        (["visbase/pipeline/encoding/pool.py"], {"vocabulary", "features"}),
        (["visbase/pipeline/images/blocks.py"], {"vocabulary", "features"}),
        (["visbase/pipeline/bovw.py"], {"vocabulary", "features"}),
        (["visbase/pipeline/svm/kernel.py"], {"svm"}),
        (
            [
                "visbase/pipeline/descriptors/dense_sift.py",
                "visbase/pipeline/commands/run.py",
                "visbase/pipeline/storage/atomic.py",
                "visbase/pipeline/experiments/run.py",
            ],
            set(),
        ),
    ],
)
def test_editing_a_source_file_rebuilds_the_stages_that_it_computes(
    files: list[str], rebuilt: set[str], project: Project
) -> None:
    before = project.entries()
    for file in files:
        project.edit(file)
    after = project.fit()
    assert {stage for stage in STAGES if after[stage] - before[stage]} == rebuilt


KEY_OF_NETWORK = """
from visbase.cnn.lenet5 import Config, build
from visbase.pipeline.storage.code import source_digest

model = build(Config(), 0)
print(source_digest((model.make_network, model, model.augment)))
"""


def test_training_is_keyed_by_the_files_of_its_network_and_trainer(
    project: Project,
) -> None:
    pytest.importorskip("torch")
    keys = [project.run(KEY_OF_NETWORK)]
    for file in ("cnn/lenet5.py", "cnn/training/trainer.py", "cnn/convnet.py"):
        project.edit(f"visbase/{file}")
        keys.append(project.run(KEY_OF_NETWORK))
    first, own, trainers, others = keys
    assert len({first, own, trainers}) == 3
    assert others == trainers


def test_part_inside_a_part_counts_with_its_module() -> None:
    # not by an import statement, which would be followed from this file
    inner = importlib.import_module("visbase.pipeline.encoding.vlad").Vlad()
    alone, whole = source_digest((Around(None),)), source_digest((Around(inner),))
    assert whole != alone
    assert source_digest((Around(({"a": inner}, 3)),)) == whole
    assert source_digest((functools.partial(Around, inner),)) == whole
    assert source_digest((Around(np.zeros(3)),)) == alone


@dataclass(frozen=True)
class Around:
    """Holds another part, as a descriptor that changes another one's values does."""

    inner: object
