"""Damaged cache entries are noticed, told and rebuilt; none of them runs code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.hostile import Canary
from visbase.pipeline.storage.cache import recall

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


def flip(content: bytes, position: int, bit: int = 0) -> bytes:
    damaged = bytearray(content)
    damaged[position] ^= 1 << bit
    return bytes(damaged)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "no zip": lambda whole: b"<html>" + whole[6:],
    "half": lambda whole: whole[: len(whole) // 2],
    "last byte missing": lambda whole: whole[:-1],
    "a value": lambda whole: flip(whole, len(whole) // 3),
    # one bit makes (5000,) a 4000: a shorter array, whose checksum nobody would reach
    "the shape": lambda whole: flip(whole, whole.index(b"(5000,)") + 1),
    "an open bracket": lambda whole: flip(whole, whole.index(b"(5000,)"), 6),
    "a name": lambda whole: flip(whole, whole.rindex(b"double.npy")),
    "method of packing": lambda whole: flip(whole, whole.rindex(b"PK\1\2") + 10, 1),
    "encrypted": lambda whole: flip(whole, whole.rindex(b"PK\1\2") + 8),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_entry_is_noticed_and_rebuilt(
    home: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes]
) -> None:
    stage = Stage()
    recall("words", {"k": 400}, stage, ())
    entry = only_entry(home)
    entry.write_bytes(damage(entry.read_bytes()))
    again = recall("words", {"k": 400}, stage, ())
    assert np.array_equal(again["values"], VALUES)
    assert stage.n_computed == 2
    told = capsys.readouterr().err
    assert f"cache entry {entry.name} is damaged" in told
    assert told.count("\n") == 1
    recall("words", {"k": 400}, stage, ())
    assert stage.n_computed == 2  # the rebuilt entry is sound


def test_pickle_in_an_entry_is_not_run(home: Path, tmp_path: Path) -> None:
    stage, canary = Stage(), tmp_path / "canary"
    recall("words", {"k": 400}, stage, ())
    entry = only_entry(home)
    objects = np.full(1, Canary(canary), object)
    with open(entry, "wb") as file:
        cost = {"seconds": np.array(1.0), "peak_mb": np.array(1.0)}
        np.savez(file, values=objects, **cost)
    assert np.array_equal(recall("words", {"k": 400}, stage, ())["values"], VALUES)
    assert stage.n_computed == 2
    assert not canary.exists()
