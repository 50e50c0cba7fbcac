"""Fixtures of many tests: real digits, and empty folders to write to."""

from __future__ import annotations

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
