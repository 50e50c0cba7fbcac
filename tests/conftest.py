"""What several test files share: real digits, and folders that a test may fill."""

from __future__ import annotations

from pathlib import Path

import pytest

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Dataset


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """The shipped MNIST, loaded once; tests take slices and never write to it."""
    return load_dataset("mnist")


@pytest.fixture
def fresh_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Artifacts and results go under a folder of this test alone, which is returned."""
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("VISBASE_RESULTS", str(tmp_path / "results"))
    return tmp_path
