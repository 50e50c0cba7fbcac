"""Fixtures of the tests of datasets."""

from pathlib import Path

import pytest

from tests.pipeline.datasets.builders import fill


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Two classes of 12 images each."""
    fill(tmp_path / "photos" / "cat", 12)
    fill(tmp_path / "photos" / "dog", 12, 100)
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def kept_facts(fresh_folders: Path) -> Path:
    """The folder in which a check of photographs keeps what it found."""
    return fresh_folders / "artifacts" / "cache"
