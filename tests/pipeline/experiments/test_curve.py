"""Learning curves: balanced nested subsets, settings chosen per subset, points kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import MonkeyPatch

from tests.pipeline.builders import make_record
from tests.pipeline.experiments.constant import FITTED, make_dataset, make_method
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.curve import measure_curve, subset, usual_sizes
from visbase.pipeline.experiments.measured import CurvePoint
from visbase.pipeline.experiments.records import write_record
from visbase.pipeline.models.methods import MethodFile
from visbase.pipeline.storage import artifacts, results
from visbase.pipeline.storage.tables import read_rows

LABELS = np.repeat([0, 1, 2], [40, 30, 50])
DATASET = make_dataset(LABELS, np.full(10, 2))


@pytest.fixture(autouse=True)
def method(fresh_folders: Path, monkeypatch: MonkeyPatch) -> MethodFile:
    return method_of(monkeypatch, {})


def method_of(monkeypatch: MonkeyPatch, *changes: dict[str, int]) -> MethodFile:
    return make_method(monkeypatch, candidates=lambda n_train, config: changes)


def run(method: MethodFile, *sizes: int, n_seeds: int = 1, data: Any = DATASET) -> int:
    """Measure; return the number of new points. One line more names the table."""
    return len(list(measure_curve(method, sizes, n_seeds, data))) - 1


def points() -> list[CurvePoint]:
    """The points that were written, whether or not they count as evidence."""
    (path,) = artifacts().parent.rglob("constant.csv")
    return read_rows(path, CurvePoint)


@given(st.sampled_from([3, 30, 60, 90]), st.integers(0, 2**31))
def test_subset_has_as_many_images_of_every_class(n: int, seed: int) -> None:
    rows = subset(LABELS, n, seed)
    assert len(np.unique(rows)) == n
    assert np.bincount(LABELS[rows]).tolist() == [n // 3] * 3
    assert set(rows) <= set(subset(LABELS, 90, seed))  # larger ones contain it


def test_seed_chooses_the_subset_unless_all_images_are_taken() -> None:
    assert subset(LABELS, 30, 0).tolist() != subset(LABELS, 30, 1).tolist()
    assert subset(LABELS, 120, 0).tolist() == list(range(120))


def test_usual_sizes_grow_threefold_per_class_up_to_all_images() -> None:
    assert usual_sizes(DATASET) == [3, 9, 30, 90, 120]  # a class has 30
    tens = make_dataset(np.arange(100) % 10, np.full(10, 2))
    assert usual_sizes(tens) == [10, 30, 100]


@pytest.mark.parametrize("n", [0, 10, 93, 119, 200])
def test_unbalanced_subset_is_refused_at_once(n: int, method: MethodFile) -> None:
    with pytest.raises(BadInput, match=r"\b3 .*\b90\b.*\b120\b"):
        run(method, 3, n)
    assert FITTED == []


def test_test_images_of_another_size_are_refused(method: MethodFile) -> None:
    larger = replace(DATASET.test, images=np.zeros((10, 6, 6), np.uint8))
    with pytest.raises(BadInput, match="needs images of one size"):
        run(method, 3, data=replace(DATASET, test=larger))
    assert FITTED == []


def test_settings_are_chosen_on_a_held_out_sixth(monkeypatch: MonkeyPatch) -> None:
    run(method_of(monkeypatch, {}, {"answer": 1}, {"answer": 2}), 36)
    # three candidates on 30 of 36 images, then the chosen one on all
    assert FITTED == [30, 30, 30, 36]
    (point,) = points()
    assert point.validation == "4, 4, 4 of 6"
    assert point.changes == {}  # the first of those with the fewest errors
    assert (point.n_errors, point.n_test) == (10, 10)


def test_one_image_per_class_leaves_no_choice(monkeypatch: MonkeyPatch) -> None:
    run(method_of(monkeypatch, {"answer": 2}, {}), 3)
    assert FITTED == [3]
    (point,) = points()
    assert (point.validation, point.n_errors) == ("", 0)
    assert point.changes == {"answer": 2}


def test_point_with_all_images_is_the_record_even_of_a_gpu(method: MethodFile) -> None:
    facts = {"method": "constant", "dataset": DATASET.name, "device": "cuda"}
    record = make_record(**facts, n_train=120, n_test=10, n_correct=7)
    write_record(results(), record, np.zeros(10, int), np.zeros(10, int))
    run(method, 120, n_seeds=2)
    (point,) = points()  # the other seed has no record
    assert (point.source, point.n_errors, FITTED) == ("record, GPU", 3, [])


def test_points_in_the_table_are_not_measured_again(method: MethodFile) -> None:
    assert run(method, 3, 30, n_seeds=2) == 4
    assert run(method, 3, 30, 60, n_seeds=2) == 2
    places = [(point.n_train, point.seed) for point in points()]
    assert places == [(n, seed) for n in (3, 30, 60) for seed in (0, 1)]


# the code is edited after the first look at it
@patch.object(provenance, "revision", Mock(side_effect=["0123456789", "9876543210+"]))
def test_points_name_the_code_that_measured_them(method: MethodFile) -> None:
    run(method, 3, 30)
    assert [point.commit for point in points()] == ["0123456789"] * 2


def test_points_of_other_candidates_are_renewed(monkeypatch: MonkeyPatch) -> None:
    run(method_of(monkeypatch, {}), 3)
    run(method_of(monkeypatch, {"answer": 2}), 3)
    (point,) = points()
    assert point.n_errors == 0


def test_points_that_another_process_adds_are_kept(method: MethodFile) -> None:
    ours = measure_curve(method, [3, 30], 1, DATASET)
    next(ours)
    run(method, 60)
    list(ours)
    assert [point.n_train for point in points()] == [3, 30, 60]


def test_points_of_changed_photographs_are_measured_again(method: MethodFile) -> None:
    data = replace(DATASET, published=False)
    darker = replace(data.test, images=data.test.images - np.uint8(1))
    changed = replace(data, test=darker)
    assert [run(method, 3, data=d) for d in (data, data, changed)] == [1, 0, 1]
