"""A run: fitted, scored on every test image, recorded in the folder of its kind."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from tests.pipeline.experiments.constant import Config, make_dataset, make_method
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import provenance, records
from visbase.pipeline.experiments.run import (
    QUICK_TRAIN,
    every_kth_pair,
    results_folder,
    run_method,
)


@pytest.fixture(autouse=True)
def clean_tree(fresh_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: False)


@pytest.fixture
def path(fresh_folders: Path) -> Path:
    return fresh_folders / "results" / "tiny" / "constant" / "seed0.json"


def run(
    answer: int = 1, preset: str = "full", n_train: int = 6, changed: bool = False
) -> records.Record:
    """Run the method that always gives `answer`; the presets do, unless changed."""
    data = make_dataset(np.arange(n_train) % 2, np.array([1, 1, 1, 0]))
    with pytest.MonkeyPatch.context() as patch:
        method = make_method(patch, answer + changed)
        return run_method(method, Config(answer), preset, 0, data)[0]


def test_full_run_of_a_clean_tree_is_evidence(fresh_folders: Path, path: Path) -> None:
    record = run(answer=1)
    assert records.read_record(path) == record
    both = records.read_predictions(path, record)
    assert both.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert (record.n_correct, record.n_test, record.n_train) == (3, 4, 6)
    extras = records.read_extras(path, record)
    assert extras["scores"].tolist() == [[0, 1]] * 4
    assert extras["kernels"].shape == (6, 4, 4)
    assert record.config == {"answer": 1, "sizes": [1, 2]}
    assert record.n_parameters == 3
    assert record.versions["numpy"] == np.__version__
    assert record.cpu and record.n_cores >= 1 and record.peak_rss_mb > 10
    assert record.started.endswith("+00:00")
    assert not (fresh_folders / "artifacts").exists()


def test_any_other_run_stays_in_artifacts(fresh_folders: Path) -> None:
    place = fresh_folders / "artifacts" / "results"
    for dirty in (True, None):  # None outside a git checkout
        assert results_folder("full", False, dirty) == place / "changed"
    for preset in ("full", "quick"):
        assert results_folder(preset, True, False) == place / "changed"
    for dirty in (False, True, None):
        assert results_folder("quick", False, dirty) == place / "quick"


def test_uncommitted_code_and_changed_settings_replace_no_evidence(path: Path) -> None:
    published = run(answer=1)
    run(answer=0, changed=True)
    with patch.object(provenance, "dirty", lambda: True):
        assert run(answer=0).dirty is True
    assert records.read_record(path) == published


def test_quick_run_trains_on_every_kth_pair_and_full_on_all() -> None:
    n = 2 * QUICK_TRAIN + 1
    assert run(preset="quick", n_train=n).n_train == 6668  # every third pair of 20,001
    assert run(preset="quick", n_train=QUICK_TRAIN).n_train == QUICK_TRAIN
    assert run(preset="full", n_train=n).n_train == n


def test_quick_run_trains_on_digits_of_students_and_employees(mnist: Dataset) -> None:
    writers = every_kth_pair(mnist.train).writers
    assert writers is not None and len(writers.ids) == QUICK_TRAIN
    assert np.mean(writers.groups == "students") == pytest.approx(0.484, abs=0.005)


def test_failed_run_is_recorded_with_its_reason_and_raised(path: Path) -> None:
    for answer in (-2, -1):  # a later failure replaces an earlier one
        with pytest.raises(ValueError, match="negative"):
            run(answer)
    record = records.read_record(path)
    assert record.error == "ValueError: negative answer"
    assert record.config["answer"] == -1
    assert (record.n_correct, record.fit_s, record.predict_s) == (None, None, None)
    assert [file.name for file in path.parent.iterdir()] == ["seed0.json"]
    good = run(answer=0)  # replaces the failure
    assert (good.error, good.n_correct) == (None, 1)
    with pytest.raises(ValueError, match="negative"):
        run(answer=-1)  # does not replace the good one
    assert records.read_record(path) == good
    records.read_predictions(path, good)


def test_changed_settings_that_cannot_work_are_one_line() -> None:
    with pytest.raises(BadInput, match=r"^constant .*: negative answer$"):
        run(answer=-1, changed=True)
