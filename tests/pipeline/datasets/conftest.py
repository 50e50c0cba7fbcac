"""Fixtures of the tests of datasets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.datasets.builders import fill


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Two classes of 12 images each."""
    root = tmp_path / "photos"
    fill(root / "cat", 12)
    fill(root / "dog", 12, 100)
    return root
