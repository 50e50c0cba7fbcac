"""Records that several tests of the reports share."""

from pathlib import Path

import pytest

from tests.reports.builders import Committed, add_failure, add_run
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.storage import ROOT
from visbase.reports.compare import compare, read_runs
from visbase.reports.findings import find_findings


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two working methods, one of them with two seeds, and a failed one."""
    folder = tmp_path / "results"
    add_run(folder, "linear", range(5), seed=0)
    add_run(folder, "linear", range(4), seed=1)
    add_run(folder, "svm_rbf", range(9, 10))
    add_failure(folder, "broken", "no memory")
    return folder


@pytest.fixture(scope="session")
def committed(mnist: Dataset) -> Committed:
    """What the repository holds about MNIST."""
    runs = read_runs(ROOT / "reports" / "results", "mnist")
    return compare(runs), runs, find_findings(ROOT / "reports", mnist, runs)
