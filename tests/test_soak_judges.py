"""What judges the trials of the soak can say no."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.soak import fuzz
from tests.soak.commands import Command, is_torn
from tests.soak.fault import leftovers, refusal_problems
from visbase.pipeline.errors import BadInput

N_INPUTS = 30
linux = pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")


def raising(error: Exception) -> object:
    raise error


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (lambda data: raising(KeyError("x")), "KeyError"),
        (lambda data: raising(BadInput("one\ntwo")), "more than one line"),
        (lambda data: len(np.ones(fuzz.CONSTANT // 4)), "bytes for"),
        (
            lambda data: raising(BadInput(f"{np.ones(fuzz.CONSTANT // 4).sum()}")),
            "bytes for",
        ),
        (lambda data: time.sleep(3), "Hang"),
    ],
    ids=["traceback", "two lines", "memory", "memory of what is refused", "hang"],
)
@linux
def test_fuzzing_notices(target, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault == "Hang":
        monkeypatch.setattr(fuzz, "LONGEST_S", 1)
    result = fuzz._fuzz("target", target, [b"some bytes"], 1)
    assert len(result.problems) == 1
    assert fault in result.problems[0]


@linux
def test_fuzzing_counts_memory_that_was_freed_and_is_taken_again() -> None:
    megabytes_20 = 20_000_000
    np.ones(megabytes_20, np.uint8)  # freed, so such arrays are put on the heap now
    freed = [np.ones(megabytes_20, np.uint8) for _ in range(20)]
    _above_them = [bytes(200_000) for _ in range(3)]  # the heap cannot shrink
    freed.clear()
    result = fuzz._fuzz("target", lambda data: len(np.ones(10**7)), [b"some bytes"], 1)
    assert len(result.problems) == 1


@linux
def test_fuzzing_passes_what_is_refused_or_read() -> None:
    def target(data: bytes) -> object:
        if len(data) % 2:
            raise BadInput("a line:\n  a file\n  another")
        return data

    result = fuzz._fuzz("target", target, [b"some bytes"], N_INPUTS)
    assert (result.trials, result.problems) == (N_INPUTS, [])


@pytest.mark.parametrize(
    ("status", "stderr", "expected"),
    [
        (2, "visbase: no room\n", True),
        (2, "a warning\nvisbase: two files:\n  a\n  b\n", True),
        (0, "visbase: no room\n", False),
        (2, "", False),
        (2, "no room\n", False),
        (2, "visbase: no room\nmore\n", False),
        (2, "Traceback (most recent call last):\nvisbase: no room\n", False),
    ],
)
def test_refusal_is_one_error_line(status: int, stderr: str, expected: bool) -> None:
    done = subprocess.CompletedProcess([], status, "", stderr)
    assert (refusal_problems("trial", done) == []) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"seed0.json": b"old", "seed0.npy": b"1"}, False),
        ({"seed0.json": b"new", "seed0.npy": b"2"}, False),
        ({"seed0.npy": b"2"}, False),  # no record until its facts are there
        ({"seed0.json": b"old", "seed0.npy": b"2"}, True),
        ({"seed0.json": b"new", "seed0.npy": b"1"}, True),
    ],
)
def test_record_of_two_runs_is_torn(
    files: dict[str, bytes], expected: bool, tmp_path: Path
) -> None:
    earlier, results = tmp_path / "earlier", tmp_path / "artifacts" / "results"
    fill(earlier, {"seed0.json": b"old", "seed0.npy": b"1"})
    fill(results, files)
    assert is_torn(tmp_path, earlier, {"seed0.npy": b"2"}) == expected


def test_temporary_files_are_found(tmp_path: Path) -> None:
    fill(tmp_path / "deep", {"a.1.visbase.part": b"", "a": b""})
    assert leftovers(tmp_path) == [str(tmp_path / "deep" / "a.1.visbase.part")]


def test_disturbed_command_is_compared(tmp_path: Path) -> None:
    command = Command("name", lambda _home: [], lambda home: len(list(home.iterdir())))
    command.expected = 1
    fill(tmp_path / "same", {"a": b""})
    fill(tmp_path / "other", {"a": b"", "b.visbase.part": b""})
    assert command.problems("trial", tmp_path / "same") == []
    results, left = command.problems("trial", tmp_path / "other")
    assert "other results" in results
    assert "b.visbase.part" in left


def fill(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
