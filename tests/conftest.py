"""Fixtures of many tests: real digits, empty folders to write to, files to find."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Dataset


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """MNIST as shipped, loaded once; tests take slices and never write to it."""
    return load_dataset("mnist")


@pytest.fixture
def fresh_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this test, in which artifacts and results are written."""
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("VISBASE_RESULTS", str(tmp_path / "results"))
    return tmp_path


@pytest.fixture
def add_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], None]]:
    """Adds a file such as "cnn/x.py", by a second folder that its package searches."""
    added = []

    def add(file: str, source: str) -> None:
        path = tmp_path / "added" / file
        path.parent.mkdir(parents=True)
        path.write_text(source)
        name = "visbase." + str(Path(file).parent).replace("/", ".")
        package = importlib.import_module(name)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])
        added.append((package, name, path.stem))

    yield add
    for package, name, stem in added:  # no other test may find them
        sys.modules.pop(f"{name}.{stem}", None)
        vars(package).pop(stem, None)
