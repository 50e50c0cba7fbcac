"""The cache: deleting it changes time, never numbers; nothing stale is recalled."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.storage import cache, spent
from visbase.pipeline.storage.cache import recall
from visbase.pipeline.storage.spent import recalled_s

VALUES = np.arange(5000, dtype=np.float32)


class Stage:
    """Counts how often it was computed."""

    def __init__(self, values: np.ndarray = VALUES) -> None:
        self.values = values
        self.n_computed = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.n_computed += 1
        return {"values": self.values, "double": 2 * self.values}


@pytest.fixture(autouse=True)
def home(fresh_folders: Path) -> Path:
    """The folder of entries of this test."""
    return fresh_folders / "artifacts" / "cache"


def only_entry(home: Path) -> Path:
    (path,) = home.iterdir()
    return path


def test_second_recall_gives_the_same_without_computing() -> None:
    stage = Stage()
    first = recall("words", {"k": 400}, stage, ())
    second = recall("words", {"k": 400}, stage, ())
    assert stage.n_computed == 1
    assert sorted(second) == ["double", "values"]
    for name, values in first.items():
        assert np.array_equal(second[name], values)
        assert second[name].dtype == values.dtype


def test_entries_survive_the_order_of_the_key() -> None:
    stage = Stage()
    recall("words", {"k": 400, "seed": 1}, stage, ())
    recall("words", {"seed": 1, "k": 400}, stage, ())
    assert stage.n_computed == 1


IMAGES = np.zeros((3, 40, 40), np.uint8)
OTHER = IMAGES.copy()
OTHER[1, 20, 20] = 1


@pytest.mark.parametrize(
    "key",
    [
        {"k": 401, "images": IMAGES},
        {"k": 400.0, "images": IMAGES},
        {"k": 400, "images": OTHER},
        {"k": 400, "images": IMAGES.reshape(3, 1600)},
        {"k": 400, "images": IMAGES.astype(np.int8)},
        {"k": 400, "images": IMAGES, "seed": 0},
        {"k": 400, "pictures": IMAGES},
    ],
)
def test_anything_else_in_the_key_computes_again(key: dict[str, Any]) -> None:
    stage = Stage()
    recall("words", {"k": 400, "images": IMAGES}, stage, ())
    recall("words", key, stage, ())
    assert stage.n_computed == 2


def test_another_stage_with_the_same_key_computes() -> None:
    stage = Stage()
    recall("words", {"k": 400}, stage, ())
    recall("projection", {"k": 400}, stage, ())
    assert stage.n_computed == 2


def test_changed_library_computes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    recall("words", {"k": 400}, stage, ())
    monkeypatch.setattr(cache, "_libraries", lambda: ["numpy of tomorrow"])
    recall("words", {"k": 400}, stage, ())
    assert stage.n_computed == 2


def test_images_of_differing_size_are_told_apart_by_their_pixels() -> None:
    stage = Stage()
    recall("words", {"images": list(IMAGES)}, stage, ())
    recall("words", {"images": list(OTHER)}, stage, ())
    assert stage.n_computed == 2


def test_pipe_in_the_place_of_an_entry_does_not_make_it_wait(
    fresh_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recall("stage", {"size": 3}, Stage(), ())
    path = only_entry(fresh_folders / "artifacts" / "cache")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadInput, match="not a regular file"):
        recall("stage", {"size": 3}, Stage(), ())
    assert "is damaged" in capsys.readouterr().err


def test_layout_in_memory_does_not_change_the_digest() -> None:
    square = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert digest_array(np.asfortranarray(square)) == digest_array(square)
    assert digest_array(np.r_[square, square][::2]) != digest_array(square)


def test_exception_while_computing_leaves_nothing_behind(home: Path) -> None:
    def fail() -> dict[str, np.ndarray]:
        raise ValueError("no keypoints")

    with pytest.raises(ValueError, match="no keypoints"):
        recall("words", {"k": 400}, fail, ())
    assert not home.exists() or not list(home.iterdir())
    stage = Stage()
    recall("words", {"k": 400}, stage, ())
    assert stage.n_computed == 1


def test_deleted_entry_is_computed_again_with_the_same_values(home: Path) -> None:
    stage = Stage()
    first = recall("words", {"k": 400}, stage, ())
    only_entry(home).unlink()
    assert np.array_equal(
        recall("words", {"k": 400}, stage, ())["double"], first["double"]
    )
    assert stage.n_computed == 2


def set_clock(monkeypatch: pytest.MonkeyPatch, *readings: float) -> None:
    clock = iter(readings)
    fake = SimpleNamespace(perf_counter=lambda: next(clock))
    monkeypatch.setattr(cache, "time", fake)


def test_recalled_seconds_grow_by_what_the_entry_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_clock(monkeypatch, 100, 107)
    before = recalled_s()
    recall("words", {"k": 400}, Stage(), ())
    assert recalled_s() == before  # it was computed now: wall-clock time holds it
    for n in (1, 2, 3):
        recall("words", {"k": 400}, Stage(), ())
        assert recalled_s() == pytest.approx(before + 7 * n)


def test_entry_made_from_a_recalled_entry_costs_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_clock(monkeypatch, 100, 107, 200, 203)
    recall("words", {"k": 400}, Stage(), ())

    def histograms() -> dict[str, np.ndarray]:
        return recall("words", {"k": 400}, Stage(), ())

    recall("histograms", {}, histograms, ())
    before = recalled_s()
    recall("histograms", {}, histograms, ())
    assert recalled_s() == pytest.approx(before + 10)


def test_peak_memory_counts_what_a_recalled_entry_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spent, "_recalled_mb", 0.0)
    monkeypatch.setattr(spent, "own_peak_rss_mb", lambda: 900.0)
    cache.recall("stage", {"of": "memory"}, lambda: {"values": np.ones(2)}, ())
    monkeypatch.setattr(spent, "own_peak_rss_mb", lambda: 100.0)
    assert spent.peak_rss_mb() == 100.0
    cache.recall("stage", {"of": "memory"}, lambda: {"values": np.zeros(2)}, ())
    assert spent.peak_rss_mb() == 900.0


@dataclass(frozen=True)
class Filters:
    """Settings that hold an array, whose repr leaves most of it out."""

    values: np.ndarray


def test_arrays_inside_settings_are_told_apart_by_their_values() -> None:
    stage, other = Stage(), VALUES.copy()
    other[2500] += 1
    recall("words", {"filters": (Filters(VALUES),)}, stage, ())
    recall("words", {"filters": (Filters(other),)}, stage, ())
    recall("words", {"filters": (Filters(VALUES),)}, stage, ())
    assert stage.n_computed == 2
