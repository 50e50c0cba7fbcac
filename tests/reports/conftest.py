"""What the tests of the reports share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.builders import add_failure, add_run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two working methods, one of them with two seeds, and a failed one."""
    folder = tmp_path / "results"
    add_run(folder, "linear", range(5), seed=0)
    add_run(folder, "linear", range(4), seed=1)
    add_run(folder, "svm_rbf", range(9, 10))
    add_failure(folder, "broken", "no memory")
    return folder
