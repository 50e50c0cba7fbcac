"""The cache: deleting it changes time, never numbers; nothing stale is recalled."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pytest

from tests.hostile import Canary
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.storage import cache, spent
from visbase.pipeline.storage.cache import recall
from visbase.pipeline.storage.spent import recalled_s

VALUES = np.arange(5000, dtype=np.float32)
IMAGES = np.zeros((3, 40, 40), np.uint8)
OTHER_IMAGES, OTHER_VALUES = IMAGES.copy(), VALUES.copy()
OTHER_IMAGES[1, 20, 20] = OTHER_VALUES[2500] = 1


class Stage:
    """Counts how often it was computed."""

    n_computed = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.n_computed += 1
        return {"values": VALUES, "double": 2 * VALUES}


@dataclass(frozen=True)
class Filters:
    values: np.ndarray


@pytest.fixture(autouse=True)
def home(fresh_folders: Path) -> Path:
    return fresh_folders / "artifacts" / "cache"


def assert_recalled(stage: Stage, n_computed: int) -> None:
    arrays = recall("words", {"k": 400, "seed": 1}, stage, ())
    assert stage.n_computed == n_computed
    assert arrays["values"].dtype == VALUES.dtype
    np.testing.assert_equal(arrays, {"values": VALUES, "double": 2 * VALUES})


def test_second_recall_gives_the_same_without_computing(home: Path) -> None:
    stage = Stage()
    assert_recalled(stage, n_computed=1)
    assert_recalled(stage, n_computed=1)
    recall("words", {"seed": 1, "k": 400}, stage, ())  # the order does not matter
    assert stage.n_computed == 1
    (entry,) = home.iterdir()
    entry.unlink()
    assert_recalled(stage, n_computed=2)


KEY: dict[str, Any] = {
    "k": 400,
    "images": IMAGES,
    "sizes": list(IMAGES),
    "filters": (Filters(VALUES),),  # its repr leaves most of the array out
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("k", 401), ("k", 400.0), ("seed", 0), ("images", OTHER_IMAGES)),
        *(("images", IMAGES.reshape(3, 1600)), ("images", IMAGES.astype(np.int8))),
        *(("sizes", list(OTHER_IMAGES)), ("filters", (Filters(OTHER_VALUES),))),
    ],
)
def test_any_change_of_the_key_computes_again(name: str, value: object) -> None:
    stage = Stage()
    for key in (KEY, KEY | {name: value}, KEY):
        recall("words", key, stage, ())
    assert stage.n_computed == 2


def test_another_name_or_library_computes_again() -> None:
    stage = Stage()
    for n, name in enumerate(("words", "projection"), 1):
        recall(name, {}, stage, ())
        assert stage.n_computed == n
    with patch.object(cache, "library_versions", lambda: {"numpy": "tomorrow's"}):
        recall("words", {}, stage, ())
    assert stage.n_computed == 3


def test_layout_in_memory_does_not_change_the_digest() -> None:
    square = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert digest_array(np.asfortranarray(square)) == digest_array(square)
    assert digest_array(np.r_[square, square][::2]) != digest_array(square)


def test_exception_while_computing_leaves_nothing_behind(home: Path) -> None:
    def fail() -> dict[str, np.ndarray]:
        raise ValueError("no keypoints")

    with pytest.raises(ValueError, match="no keypoints"):
        recall("words", {}, fail, ())
    assert not list(home.glob("*"))


@patch.object(cache, "time", Mock(perf_counter=iter((100, 107, 200, 203)).__next__))
def test_recalled_entry_costs_what_it_and_its_inputs_took() -> None:
    before = recalled_s()
    recall("words", {}, Stage(), ())
    assert recalled_s() == before  # computed now: the wall-clock time has it

    def histograms() -> dict[str, np.ndarray]:
        return recall("words", {}, Stage(), ())

    recall("histograms", {}, histograms, ())
    assert recalled_s() == pytest.approx(before + 7)
    for n in (1, 2):
        recall("histograms", {}, histograms, ())
        assert recalled_s() == pytest.approx(before + 7 + 10 * n)


@patch.object(spent, "_recalled_mb", 0.0)
def test_peak_memory_counts_what_a_recalled_entry_needed() -> None:
    with patch.object(spent, "own_peak_rss_mb", lambda: 900.0):
        recall("words", {}, Stage(), ())
    with patch.object(spent, "own_peak_rss_mb", lambda: 100.0):
        assert spent.peak_rss_mb() == 100.0
        recall("words", {}, Stage(), ())
        assert spent.peak_rss_mb() == 900.0


def flip(content: bytes, place: int, bit: int = 0) -> bytes:
    changed = bytes([content[place] ^ 1 << bit])
    return content[:place] + changed + content[place + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "no zip": lambda whole: b"<html>" + whole[6:],
    "last byte missing": lambda whole: whole[:-1],
    "a value": lambda whole: flip(whole, len(whole) // 3),
    # one bit turns (5000,) into (4000,): numpy would not read as far as the checksum
    "the shape": lambda whole: flip(whole, whole.index(b"(5000,)") + 1),
    "an open bracket": lambda whole: flip(whole, whole.index(b"(5000,)"), 6),
    "a name": lambda whole: flip(whole, whole.rindex(b"double.npy")),
    "method of packing": lambda whole: flip(whole, whole.rindex(b"PK\1\2") + 10, 1),
    "encrypted": lambda whole: flip(whole, whole.rindex(b"PK\1\2") + 8),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_entry_is_reported_and_rebuilt(
    home: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes]
) -> None:
    stage = Stage()
    assert_recalled(stage, n_computed=1)
    (entry,) = home.iterdir()
    entry.write_bytes(damage(entry.read_bytes()))
    assert_recalled(stage, n_computed=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{entry.name} is damaged" in line
    assert_recalled(stage, n_computed=2)  # the rebuilt entry is sound


def test_pickle_in_an_entry_is_not_run(home: Path, tmp_path: Path) -> None:
    stage, canary = Stage(), tmp_path / "canary"
    assert_recalled(stage, n_computed=1)
    objects = np.full(1, Canary(canary), object)
    (entry,) = home.iterdir()
    np.savez(entry, values=objects, seconds=np.array(1.0), peak_mb=np.array(1.0))
    assert_recalled(stage, n_computed=2)
    assert not canary.exists()
