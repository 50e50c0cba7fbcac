"""Learning curves: balanced nested subsets, settings chosen anew, points kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.curve import measure_curve, subset
from visbase.pipeline.experiments.measured import CURVE
from visbase.pipeline.models.methods import MethodFile
from visbase.pipeline.storage.tables import read_rows

LABELS = np.repeat([0, 1, 2], [40, 30, 50])


@dataclass(frozen=True)
class Config:
    answer: int = 0


class Constant:
    """Always answers the same, and remembers how many images it was fitted on."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        assert images.max() < 200, "a test image was used to fit"
        FITTED.append(len(images))

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.full(len(images), self.config.answer)


FITTED: list[int] = []


def method_of(monkeypatch: pytest.MonkeyPatch, *changes: dict[str, int]) -> MethodFile:
    FITTED.clear()
    module = SimpleNamespace(
        PRESETS={"full": Config()},
        candidates=lambda n_train: changes,
        build=lambda config, seed: Constant(config),
    )
    monkeypatch.setattr(MethodFile, "load", lambda self: module)
    return MethodFile("constant", "baselines", "always the same")


def tiny() -> Dataset:
    """120 dark training images of three classes, 10 bright test images of class 2."""
    names = ["x"] * len(LABELS)
    train = Split(np.zeros((120, 4, 4), np.uint8), LABELS, names)
    test = Split(np.full((10, 4, 4), 255, np.uint8), np.full(10, 2), names[:10])
    return Dataset("tiny", train, test, ("0", "1", "2"), "digits", 1)


def table(folder: Path) -> list[dict[str, str]]:
    """The rows that were written, wherever they count."""
    (path,) = folder.rglob("constant.csv")
    return read_rows(path, CURVE)


@given(st.sampled_from([3, 30, 60, 90]), st.integers(0, 2**31))
def test_subset_has_as_many_images_of_every_class(n: int, seed: int) -> None:
    rows = subset(LABELS, n, seed)
    assert len(np.unique(rows)) == n
    assert np.bincount(LABELS[rows]).tolist() == [n // 3] * 3


@given(st.integers(0, 2**31))
def test_larger_subset_holds_the_smaller_one(seed: int) -> None:
    assert set(subset(LABELS, 30, seed)) <= set(subset(LABELS, 60, seed))


def test_another_seed_gives_another_subset() -> None:
    assert subset(LABELS, 30, 0).tolist() != subset(LABELS, 30, 1).tolist()


def test_all_images_need_no_balance() -> None:
    assert subset(LABELS, 120, 0).tolist() == list(range(120))


@pytest.mark.parametrize("n", [0, 10, 93, 119, 200])
def test_subset_that_cannot_be_balanced_is_refused(n: int) -> None:
    with pytest.raises(BadInput, match="multiple of 3 classes up to 90, or all 120"):
        subset(LABELS, n, 0)


def test_settings_are_chosen_on_a_held_out_sixth_of_the_subset(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {}, {"answer": 1}, {"answer": 2})
    list(measure_curve(method, [36], 1, tiny()))
    # three candidates on 30 of 36 images, then the chosen one on all
    assert FITTED == [30, 30, 30, 36]
    (row,) = table(fresh_folders)
    assert row["validation"] == "4, 4, 4 of 6"
    assert row["changes"] == "{}"  # of equals the first
    assert (row["n_errors"], row["n_test"]) == ("10", "10")


def test_one_image_a_class_leaves_nothing_to_choose_on(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {"answer": 2}, {})
    list(measure_curve(method, [3], 1, tiny()))
    assert FITTED == [3]
    (row,) = table(fresh_folders)
    assert (row["validation"], row["n_errors"]) == ("", "0")
    assert json.loads(row["changes"]) == {"answer": 2}


def test_points_that_are_there_are_not_measured_again(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {})
    assert len(list(measure_curve(method, [3, 30], 2, tiny()))) == 4 + 1
    *points, where = measure_curve(method, [3, 30, 60], 2, tiny())
    assert len(points) == 2
    assert where.startswith(f"constant: 6 points in {fresh_folders}")
    rows = table(fresh_folders)
    found = [(row["n_train"], row["seed"]) for row in rows]
    assert found == [(n, s) for n in ("3", "30", "60") for s in ("0", "1")]


def test_points_name_the_code_that_was_there_when_they_were_begun(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "revision", lambda: "0123456789")
    points = measure_curve(method_of(monkeypatch, {}), [3, 30], 1, tiny())
    next(points)
    monkeypatch.setattr(provenance, "revision", lambda: "9876543210+")  # edited since
    list(points)
    assert [row["commit"] for row in table(fresh_folders)] == ["0123456789"] * 2


def test_points_of_other_candidates_are_measured_again(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(measure_curve(method_of(monkeypatch, {}), [3], 1, tiny()))
    list(measure_curve(method_of(monkeypatch, {"answer": 2}), [3], 1, tiny()))
    (row,) = table(fresh_folders)
    assert row["n_errors"] == "0"


def test_points_that_others_add_meanwhile_are_kept(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {})
    ours = measure_curve(method, [3, 30], 1, tiny())
    next(ours)
    list(measure_curve(method, [60], 1, tiny()))
    assert list(ours)[-1].startswith("constant: 3 points")
    assert [row["n_train"] for row in table(fresh_folders)] == ["3", "30", "60"]


def test_points_of_photographs_that_changed_are_measured_again(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, data = method_of(monkeypatch, {}), replace(tiny(), published=False)
    list(measure_curve(method, [3], 1, data))
    assert len(list(measure_curve(method, [3], 1, data))) == 1  # it is there
    darker = replace(data.test, images=data.test.images - np.uint8(1))
    changed = replace(data, test=darker)
    assert len(list(measure_curve(method, [3], 1, changed))) == 2


def test_impossible_size_is_told_before_any_work(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {})
    with pytest.raises(BadInput, match="multiple of 3"):
        list(measure_curve(method, [3, 10], 1, tiny()))
    assert FITTED == []
