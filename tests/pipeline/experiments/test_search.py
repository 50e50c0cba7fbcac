"""Choosing settings: on held-out training images, resumable, never on the test set."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import search
from visbase.pipeline.experiments.measured import SEARCH
from visbase.pipeline.models.methods import MethodFile
from visbase.pipeline.storage.tables import read_rows, write_rows


@dataclass(frozen=True)
class Config:
    answer: int = 0


class Constant:
    """Always answers the same, and remembers what it was shown."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        assert images.max() < 200, "a test image was used"
        SEEN.append(len(images))

    def predict(self, images: np.ndarray) -> np.ndarray:
        assert images.max() < 200, "a test image was used"
        return np.full(len(images), self.config.answer)


SEEN: list[int] = []
MODULE = SimpleNamespace(
    PRESETS={"full": Config()},
    SEARCH=({"answer": 1},),
    build=lambda config, seed: Constant(config),
)


def tiny() -> Dataset:
    """120 training images, the last 20 of class 1; test images are bright."""
    labels = np.repeat([0, 1], [100, 20])
    train = Split(np.zeros((120, 4, 4), np.uint8), labels, ["a"] * 120)
    test = Split(np.full((5, 4, 4), 255, np.uint8), labels[:5], ["b"] * 5)
    return Dataset("tiny", train, test, ("0", "1"), "digits", 1)


@pytest.fixture
def method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MethodFile:
    SEEN.clear()
    monkeypatch.setattr(search, "ROOT", tmp_path)
    monkeypatch.setattr(MethodFile, "load", lambda self: MODULE)
    return MethodFile("constant", "baselines", "always the same")


def rows(tmp_path: Path) -> list[dict[str, str]]:
    with open(tmp_path / "docs" / "search" / "tiny" / "constant.csv") as file:
        return list(csv.DictReader(file))


def test_last_sixth_of_the_training_images_validates(
    method: MethodFile, tmp_path: Path
) -> None:
    lines = list(search.search_method(method, 0, tiny(), None))
    assert len(lines) == 2
    assert SEEN == [100, 100]
    best, worst = rows(tmp_path)
    assert (best["changes"], best["n_errors"]) == ('{"answer": 1}', "0")
    assert (worst["changes"], worst["n_errors"]) == ("{}", "20")
    assert best["n_validation"] == "20"


def test_trials_in_the_table_are_not_run_again(
    method: MethodFile, tmp_path: Path
) -> None:
    list(search.search_method(method, 0, tiny(), None))
    assert list(search.search_method(method, 0, tiny(), None)) == []
    assert len(list(search.search_method(method, 1, tiny(), None))) == 2
    assert len(list(search.search_method(method, 0, tiny(), 50))) == 2
    assert SEEN == [100, 100, 100, 100, 50, 50]
    assert [row["n_train"] for row in rows(tmp_path)] == ["100"] * 4 + ["50"] * 2


def test_trials_that_others_add_meanwhile_are_kept(
    method: MethodFile, tmp_path: Path
) -> None:
    ours = search.search_method(method, 0, tiny(), None)
    next(ours)
    list(search.search_method(method, 1, tiny(), None))
    list(ours)
    found = sorted((row["seed"], row["changes"]) for row in rows(tmp_path))
    both = [(seed, how) for seed in "01" for how in ('{"answer": 1}', "{}")]
    assert found == sorted(both)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("config", "not json", "settings as a JSON object"),
        ("config", "[1]", "settings as a JSON object"),
        ("config", "[" * 5000, "settings as a JSON object"),
        ("n_train", "x", "a whole number from 1 on"),
        ("n_train", "9" * 5000, "a whole number from 1 on"),
        ("n_errors", "-3e", "a whole number from 0 on"),
        ("n_validation", "3", "at least its 20 errors"),
    ],
)
def test_table_that_no_search_wrote_is_told_in_one_line(
    method: MethodFile, tmp_path: Path, name: str, value: str, expected: str
) -> None:
    list(search.search_method(method, 0, tiny(), None))
    table = tmp_path / "docs" / "search" / "tiny" / "constant.csv"
    first, second = rows(tmp_path)
    write_rows(table, SEARCH, [first, second | {name: value}])
    with pytest.raises(BadInput, match=f"line 3: {name} is .* expected {expected}"):
        list(search.search_method(method, 0, tiny(), None))


def test_method_without_search_is_refused(
    method: MethodFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = SimpleNamespace(PRESETS=MODULE.PRESETS, build=MODULE.build)
    monkeypatch.setattr(MethodFile, "load", lambda self: bare)
    with pytest.raises(BadInput, match="constant has no SEARCH"):
        list(search.search_method(method, 0, tiny(), None))


def test_every_listed_trial_is_a_valid_configuration() -> None:
    from visbase.pipeline.models.methods import find_methods

    for found in find_methods().values():
        module = found.load()
        for changes in getattr(module, "SEARCH", ()):
            replace(module.PRESETS["full"], **changes)


def test_setting_that_a_row_did_not_have_is_null_in_its_changes(
    method: MethodFile, fresh_folders: Path
) -> None:
    table = search.ROOT / "docs" / "search" / "tiny" / "x.csv"
    rows = [dict.fromkeys(SEARCH, "0") | {"config": '{"a": 1}'}]
    table.parent.mkdir(parents=True, exist_ok=True)
    search._write(table, rows, {"a": 1, "b": True})
    assert read_rows(table, SEARCH)[0]["changes"] == '{"b": null}'
