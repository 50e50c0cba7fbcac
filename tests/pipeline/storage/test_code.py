"""A stage is keyed by the source of the modules that compute it, wherever they lie."""

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
        values = images.reshape(len(images), -1)[:, 300:303].astype(np.float32)
        n = len(values)
        xy = np.full((n, 2), 0.5, np.float32)
        return Descriptors(values, np.arange(n + 1), xy, np.ones(n, np.float32))
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
WORDS = {"vocabulary", "features"}  # stages that the descriptor matters to
OTHERS = ("descriptors/dense_sift", "commands/run", "storage/atomic", "experiments/run")


class Project:
    """A copy of this package beside a user's folder; both can be edited."""

    def __init__(self, root: Path) -> None:
        self.root = root
        kept = shutil.ignore_patterns("results", "__pycache__", "mnist")
        shutil.copytree(PACKAGE, root / "visbase", ignore=kept)
        (root / "beside.py").touch()
        elsewhere = root / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "__init__.py").touch()
        (elsewhere / "brightness.py").write_text(DESCRIPTOR)
        (elsewhere / "sizes.py").write_text("def length():\n    return 3\n")

    def run(self, code: str) -> str:
        """Run the code in a new process; return what it prints."""
        folders = {
            "PYTHONPATH": str(self.root),
            "VISBASE_ARTIFACTS": str(self.root / "artifacts"),
            "NUMBA_CACHE_DIR": str(self.root / "compiled"),
        }
        command = [sys.executable, "-c", code]
        return subprocess.check_output(
            command, cwd=self.root, env=os.environ | folders, text=True
        )

    def entries(self) -> set[str]:
        return {path.name for path in (self.root / "artifacts" / "cache").iterdir()}

    def edit(self, file: str) -> None:
        path = self.root / file
        path.write_text(path.read_text() + "\n# edited\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("project"))
    project.run(FIT)
    return project


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "rebuilt"),
    [
        *(("elsewhere/brightness.py", WORDS), ("elsewhere/sizes.py", WORDS)),
        *(("beside.py", WORDS), ("visbase/pipeline/encoding/pool.py", WORDS)),
        ("visbase/pipeline/images/blocks.py", WORDS | {"svm"}),
        ("visbase/pipeline/bovw.py", WORDS),
        ("visbase/pipeline/svm/kernel.py", {"svm"}),
        (" ".join(f"visbase/pipeline/{name}.py" for name in OTHERS), set()),
    ],
)
def test_editing_a_source_file_rebuilds_the_stages_that_it_computes(
    files: str, rebuilt: set[str], project: Project
) -> None:
    before = project.entries()
    for file in files.split():
        project.edit(file)
    project.run(FIT)
    added = project.entries() - before
    assert {name.partition("-")[0] for name in added} == rebuilt


KEY_OF_NETWORK = """
from visbase.cnn.lenet5 import Config, build
from visbase.pipeline.storage.code import source_digest

model = build(Config(), 0)
print(source_digest((model.make_network, model, model.augment)))
"""


@pytest.mark.slow
def test_training_is_keyed_by_files_of_network_and_trainer(project: Project) -> None:
    pytest.importorskip("torch")
    keys = [project.run(KEY_OF_NETWORK)]
    for file in ("cnn/lenet5.py", "cnn/training/trainer.py", "cnn/convnet.py"):
        project.edit(f"visbase/{file}")
        keys.append(project.run(KEY_OF_NETWORK))
    assert len(set(keys)) == 3
    assert keys[3] == keys[2]  # another network's file


@dataclass(frozen=True)
class Around:
    """Holds another part, as a descriptor that changes another one's values does."""

    inner: object


def test_part_inside_a_part_counts_with_its_module() -> None:
    # not by an import statement, which would be followed from this file
    inner = importlib.import_module("visbase.pipeline.encoding.vlad").Vlad()
    alone, whole = source_digest((Around(None),)), source_digest((Around(inner),))
    assert whole != alone
    assert source_digest((Around(({"a": inner}, 3)),)) == whole
    assert source_digest((functools.partial(Around, inner),)) == whole
    # plain values are in a stage's key; they have no source of their own
    assert source_digest((functools.partial(Around, inner, 3, name="x"),)) == whole
    assert source_digest((Around(np.zeros(3)),)) == alone
