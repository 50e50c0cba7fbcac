"""A run: fitted, scored on every test image, recorded where its kind belongs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.records import (
    Record,
    read_extras,
    read_predictions,
    read_record,
)
from visbase.pipeline.experiments.run import QUICK_TRAIN, results_folder, run_method
from visbase.pipeline.models.methods import MethodFile


@dataclass(frozen=True)
class Config:
    answer: int = 1


class Constant:
    """Always answers the same; remembers how many images it was trained on."""

    n_parameters = 3

    def __init__(self, answer: int) -> None:
        self.answer = answer

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        if self.answer < 0:
            raise ValueError("negative\n  answer")

    def scores(self, images: np.ndarray) -> np.ndarray:
        return np.tile(np.eye(2)[self.answer], (len(images), 1))

    def show(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {"kernels": images.astype(np.float16)}


@dataclass(frozen=True)
class FakeMethodFile(MethodFile):
    """What find_methods would find, without a file."""

    name: str = "constant"
    folder: str = "baselines"
    summary: str = "always the same"
    full: Config = Config()

    def load(self) -> Any:
        return SimpleNamespace(
            PRESETS={"full": self.full, "quick": self.full},
            build=lambda config, seed: Constant(config.answer),
        )


@pytest.fixture(autouse=True)
def clean_tree(fresh_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: False)


def tiny_dataset(n_train: int = 6) -> Dataset:
    def split(labels: np.ndarray) -> Split:
        names = [str(i) for i in range(len(labels))]
        return Split(np.zeros((len(labels), 2, 2), np.uint8), labels, names)

    test = split(np.array([1, 1, 1, 0]))
    return Dataset("tiny", split(np.arange(n_train) % 2), test, ("0", "1"), "digits", 1)


def run(
    answer: int = 1,
    preset: str = "full",
    seed: int = 0,
    n_train: int = 6,
    published: int | None = None,
) -> Record:
    """Run the method that always gives `answer`; its presets say so, or `published`."""
    method = FakeMethodFile(full=Config(answer if published is None else published))
    data = tiny_dataset(n_train)
    return run_method(method, Config(answer), preset, seed, data)[0]  # type: ignore[arg-type]


def test_full_run_of_a_clean_tree_becomes_evidence(fresh_folders: Path) -> None:
    record = run(answer=1, seed=3)
    path = fresh_folders / "results" / "tiny" / "constant" / "seed3.json"
    assert read_record(path) == record
    assert read_predictions(path, record).tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert (record.n_correct, record.n_test, record.n_train) == (3, 4, 6)
    extras = read_extras(path, record)
    assert extras["scores"].tolist() == [[0, 1]] * 4
    assert extras["kernels"].shape == (6, 2, 2)
    assert (record.config, record.n_parameters) == ({"answer": 1}, 3)
    assert not (fresh_folders / "artifacts").exists()


def test_quick_run_stays_in_artifacts(fresh_folders: Path) -> None:
    run(preset="quick")
    home = fresh_folders / "artifacts" / "results" / "quick"
    assert (home / "tiny" / "constant" / "seed0.json").exists()
    assert not (fresh_folders / "results").exists()


def test_run_of_uncommitted_code_stays_in_artifacts(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: True)
    assert run().dirty is True
    home = fresh_folders / "artifacts" / "results" / "changed"
    assert (home / "tiny" / "constant" / "seed0.json").exists()
    assert not (fresh_folders / "results").exists()


def test_run_outside_a_git_checkout_is_no_evidence(fresh_folders: Path) -> None:
    folder = results_folder("full", changed=False, dirty=None)
    assert folder == fresh_folders / "artifacts" / "results" / "changed"


def test_run_with_changed_settings_does_not_replace_the_published_one(
    fresh_folders: Path,
) -> None:
    published = run(answer=1)
    run(answer=0, published=1)
    path = fresh_folders / "results" / "tiny" / "constant" / "seed0.json"
    assert read_record(path) == published


def test_no_quick_run_is_evidence_whatever_the_tree(fresh_folders: Path) -> None:
    folders = {results_folder("quick", False, dirty) for dirty in (True, False, None)}
    assert folders == {fresh_folders / "artifacts" / "results" / "quick"}


def test_quick_run_trains_on_every_kth_image_and_full_on_all() -> None:
    n = 2 * QUICK_TRAIN + 1
    assert run(preset="quick", n_train=n).n_train == 6667  # every third of 20,001
    assert run(preset="quick", n_train=QUICK_TRAIN).n_train == QUICK_TRAIN
    assert run(preset="full", n_train=n).n_train == n


def test_failed_run_is_recorded_with_its_reason_and_raised(
    fresh_folders: Path,
) -> None:
    with pytest.raises(ValueError, match="negative"):
        run(answer=-1)
    home = fresh_folders / "results" / "tiny" / "constant"
    record = read_record(home / "seed0.json")
    assert record.error == "ValueError: negative answer"
    assert (record.n_correct, record.fit_s, record.predict_s) == (None, None, None)
    assert [path.name for path in home.iterdir()] == ["seed0.json"]


def test_changed_settings_that_cannot_work_are_one_line(fresh_folders: Path) -> None:
    expected = "constant cannot work with the settings: negative answer"
    with pytest.raises(BadInput, match=f"^{expected}$"):
        run(answer=-1, published=1)


def test_failed_run_does_not_replace_a_good_record(fresh_folders: Path) -> None:
    good = run(answer=1)
    with pytest.raises(ValueError, match="negative"):
        run(answer=-1)
    path = fresh_folders / "results" / "tiny" / "constant" / "seed0.json"
    assert read_record(path) == good
    read_predictions(path, good)


def test_good_run_replaces_a_failed_one(fresh_folders: Path) -> None:
    with pytest.raises(ValueError, match="negative"):
        run(answer=-1)
    run(answer=0)
    path = fresh_folders / "results" / "tiny" / "constant" / "seed0.json"
    record = read_record(path)
    assert (record.error, record.n_correct) == (None, 1)


def test_later_failure_replaces_an_earlier_failure(fresh_folders: Path) -> None:
    for answer in (-1, -2):
        with pytest.raises(ValueError, match="negative"):
            run(answer=answer)
    path = fresh_folders / "results" / "tiny" / "constant" / "seed0.json"
    assert read_record(path).config == {"answer": -2}


def test_provenance_names_machine_versions_and_commit() -> None:
    record = run()
    assert record.versions["numpy"] == np.__version__
    assert record.cpu
    assert record.n_cores >= 1
    assert record.peak_rss_mb > 10
    assert record.started.endswith("+00:00")


def test_outside_git_there_is_neither_commit_nor_dirt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_git(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.undo()
    monkeypatch.setattr(subprocess, "run", no_git)
    assert provenance.commit() is None
    assert provenance.dirty() is None
