"""The soak in small: every reader gets damaged files, and the judges can say no."""

import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.soak import fuzz, readers
from tests.soak.commands import Command, is_torn
from tests.soak.fault import refusal_problems
from visbase.pipeline.errors import BadInput

Files = dict[str, bytes]  # contents by name
linux = pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")


@pytest.mark.slow
@pytest.mark.parametrize("name", readers.READERS)
def test_any_content_is_read_or_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MODELS", ("majority",))  # others take longer
    target, seeds = readers.READERS[name][1](tmp_path)
    dice = st.randoms(use_true_random=False)
    damaged = dice.map(lambda dice: readers.mutated(seeds, dice))

    @settings(
        max_examples=100,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(damaged | st.binary(max_size=200))
    @example(b"")
    def read(content: bytes) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target(content)
        except BadInput as error:
            lines = str(error).splitlines()
            assert all(line.startswith("  ") for line in lines[1:])

    read()


def raising(error: Exception) -> object:
    raise error


def use_memory() -> str:
    return str(np.ones(fuzz.CONSTANT // 4).sum())


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (lambda data: raising(KeyError("x")), "KeyError"),
        (lambda data: raising(BadInput("one\ntwo")), "more than one line"),
        (lambda data: use_memory(), "bytes for"),
        (lambda data: raising(BadInput(use_memory())), "bytes for"),
        (lambda data: time.sleep(3), "Hang"),
    ],
)
@linux
def test_fuzzing_notices(target, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "LONGEST_S", 1)
    (problem,) = fuzz._fuzz("target", target, [b"some bytes"], 1).problems
    assert fault in problem


@linux
def test_fuzzing_counts_memory_that_was_freed_and_is_taken_again() -> None:
    np.ones(20_000_000, np.uint8)  # freed, so such arrays are put on the heap now
    freed = [np.ones(20_000_000, np.uint8) for _ in range(20)]
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

    result = fuzz._fuzz("target", target, [b"some bytes"], 30)
    assert (result.trials, result.problems) == (30, [])


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
    ("files", "torn"),
    [
        ({"seed0.json": b"old", "seed0.npy": b"1"}, False),
        ({"seed0.json": b"new", "seed0.npy": b"2"}, False),
        ({"seed0.npy": b"2"}, False),  # no record until its facts are there
        ({"seed0.json": b"old", "seed0.npy": b"2"}, True),
        ({"seed0.json": b"new", "seed0.npy": b"1"}, True),
    ],
)
def test_torn_record_is_found(files: Files, torn: bool, tmp_path: Path) -> None:
    earlier, results = tmp_path / "earlier", tmp_path / "artifacts" / "results"
    fill(earlier, {"seed0.json": b"old", "seed0.npy": b"1"})
    fill(results, files)
    assert is_torn(tmp_path, earlier, {"seed0.npy": b"2"}) == torn


def test_files_of_a_disturbed_command_are_compared(tmp_path: Path) -> None:
    command = Command("name", lambda _home: [], lambda home: len(list(home.iterdir())))
    command.expected = 1
    fill(tmp_path / "same", {"a": b""})
    assert command.problems("trial", tmp_path / "same") == []
    fill(tmp_path / "other" / "deep", {"a.1.visbase.part": b""})
    fill(tmp_path / "other" / "more", {"a": b""})
    results, left = command.problems("trial", tmp_path / "other")
    assert "other results" in results
    assert str(tmp_path / "other" / "deep" / "a.1.visbase.part was left") in left


def fill(folder: Path, files: Files) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
