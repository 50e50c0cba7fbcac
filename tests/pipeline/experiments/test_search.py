"""Choosing settings: on held-out training images, resumable, never on the test set."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import msgspec
import numpy as np
import pytest

from tests.pipeline.builders import ROWS
from tests.pipeline.experiments import constant
from visbase.pipeline.datasets.splits import Writers
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import search
from visbase.pipeline.experiments.measured import Trial
from visbase.pipeline.models.methods import MethodFile
from visbase.pipeline.storage.tables import read_rows

# the last 20 training images are of class 1
DATASET = constant.make_dataset(np.repeat([0, 1], [100, 20]), np.zeros(5, int))


@pytest.fixture
def method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MethodFile:
    monkeypatch.setattr(search, "ROOT", tmp_path)
    return constant.make_method(monkeypatch, SEARCH=({"answer": 1},))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "docs" / "search" / "tiny" / "constant.csv"


def run(method: MethodFile, seed: int = 0, n_train: int | None = None) -> int:
    """Search; return the number of trials."""
    return len(list(search.search_method(method, seed, DATASET, n_train)))


def test_last_sixth_of_training_validates(method: MethodFile, table: Path) -> None:
    assert run(method) == 2
    assert constant.FITTED == [100, 100]
    assert max(constant.PREDICTED) < 200  # no test image
    best, worst = read_rows(table, Trial)
    assert (best.changes, best.n_errors) == ({"answer": 1}, 0)
    assert (worst.changes, worst.n_errors) == ({}, 20)
    assert (best.n_validation, worst.error_pct) == (20, 100)


def test_validation_by_writer_has_a_table_of_its_own(
    method: MethodFile, table: Path
) -> None:
    writers = Writers(np.arange(120) // 2, np.repeat("all", 120))
    written = replace(DATASET, train=replace(DATASET.train, writers=writers))
    for by_writer in (True, False):
        assert len(list(search.search_method(method, 0, written, None, by_writer))) == 2
    assert read_rows(table, Trial)[0].n_errors == 0  # of 20 images of class 1
    by_writer_table = table.parents[1] / "by_writer" / "tiny" / "constant.csv"
    best, worst = read_rows(by_writer_table, Trial)
    # a sixth of 100 and of 20 images, in whole pairs: 16 and 2
    assert [(row.changes, row.n_errors) for row in (best, worst)] == [
        ({}, 2),
        ({"answer": 1}, 16),
    ]


def test_trials_in_the_table_are_not_run_again(method: MethodFile, table: Path) -> None:
    n_trials = [run(method), run(method), run(method, 1), run(method, 0, 50)]
    assert n_trials == [2, 0, 2, 2]
    assert constant.FITTED == [100, 100, 100, 100, 50, 50]
    assert [row.n_train for row in read_rows(table, Trial)] == [100] * 4 + [50] * 2


def test_single_config_is_tried_alone(method: MethodFile, table: Path) -> None:
    only = constant.Config(answer=1, sizes=(3,))
    (line,) = search.search_method(method, 0, DATASET, None, only=only)
    assert line == "0.00 %  0 s  {'answer': 1, 'sizes': [3]}"
    assert [row.changes for row in read_rows(table, Trial)] == [
        {"answer": 1, "sizes": [3]}
    ]


def test_setting_that_a_method_rejects_is_one_line(
    method: MethodFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejects = Mock(side_effect=ValueError("C must be positive"))
    monkeypatch.setattr(search, "_try", rejects)
    with pytest.raises(BadInput, match=r"with the settings: C must be positive"):
        list(search.search_method(method, 0, DATASET, None, only=constant.Config()))
    with pytest.raises(ValueError, match=r"^C must"):  # our own settings, our fault
        run(method)


def test_trials_of_another_process_are_kept(method: MethodFile, table: Path) -> None:
    ours = search.search_method(method, 0, DATASET, None)
    next(ours)
    run(method, seed=1)
    list(ours)
    rows = {(row.seed, row.config["answer"]) for row in read_rows(table, Trial)}
    assert rows == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_search_without_images_or_without_trials_is_refused(
    method: MethodFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=r"101.* 100 "):
        run(method, n_train=101)
    with pytest.raises(BadInput, match="constant has no SEARCH"):
        run(constant.make_method(monkeypatch))


def test_setting_that_a_row_did_not_have_is_null_in_its_changes(table: Path) -> None:
    trial = msgspec.structs.replace(ROWS[-1], config={"a": 1})
    search._add(table, [trial], {"a": 1, "b": True})
    assert read_rows(table, Trial)[0].changes == {"b": None}
