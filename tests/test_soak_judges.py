"""What judges the trials of the soak can say no."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.soak import fuzz
from tests.soak.commands import is_torn
from tests.soak.fault import ends_in_error_line, leftovers
from visbase.pipeline.errors import BadInput

N_INPUTS = 30
linux = pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")


def raising(error: Exception) -> object:
    raise error


@linux
@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (lambda: raising(KeyError("x")), "KeyError"),
        (lambda: raising(BadInput("one\ntwo")), "more than one line"),
        (lambda: len(np.ones(fuzz.CONSTANT)), "bytes for"),
        (lambda: raising(BadInput(f"{np.ones(fuzz.CONSTANT).sum()}")), "bytes for"),
        (lambda: time.sleep(3), "Hang"),
    ],
    ids=["traceback", "two lines", "memory", "memory of what is refused", "hang"],
)
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
    ("stderr", "expected"),
    [
        ("visbase: no room\n", True),
        ("a warning\nvisbase: two files:\n  a\n  b\n", True),
        ("", False),
        ("no room\n", False),
        ("visbase: no room\nmore\n", False),
        ("Traceback (most recent call last):\nvisbase: no room\n", False),
    ],
)
def test_error_line_is_recognised(stderr: str, expected: bool) -> None:
    done = subprocess.CompletedProcess([], 1, "", stderr)
    assert ends_in_error_line(done) == expected


@pytest.mark.parametrize(
    ("facts", "array", "expected"),
    [
        ("old", "1", False),
        ("new", "2", False),
        (None, "2", False),  # no record until its facts are there
        ("old", "2", True),
        ("new", "1", True),
    ],
)
def test_record_of_two_runs_is_torn(
    facts: str | None, array: str, expected: bool, tmp_path: Path
) -> None:
    earlier, results = tmp_path / "earlier", tmp_path / "artifacts" / "results"
    fill(earlier, {"seed0.json": b"old", "seed0.npy": b"1"})
    fill(results, files)
    assert is_torn(tmp_path, earlier, {"seed0.npy": b"2"}) == expected


def test_temporary_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a.1.visbase.part", "a"):
        (tmp_path / "deep" / name).touch()
    assert leftovers(tmp_path) == [str(tmp_path / "deep" / "a.1.visbase.part")]
