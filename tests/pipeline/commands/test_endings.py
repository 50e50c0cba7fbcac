"""A command that cannot go on says why in one line, with the right exit status."""

import errno
import os
import resource
from functools import partial
from pathlib import Path

import pytest

from tests.command_line import start_visbase
from visbase.pipeline.commands.endings import LIBRARIES_MIB, ends_in_one_line
from visbase.pipeline.errors import BadInput


@ends_in_one_line
def raising(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (BadInput("a.png: broken"), 2, "a.png: broken"),
        (OSError(errno.ENOSPC, "No space", "a.npy"), 1, "a.npy: No space"),
        (OSError(errno.ENOENT, "Gone", "art"), 1, "art: Gone"),
        (OSError(errno.EMFILE, "Too many"), 1, "Too many"),
        (MemoryError(), 1, "out of memory"),
        (RuntimeError("CUDA out of memory. Tried 2 GiB\nmore"), 1, "Tried 2 GiB"),
        (ImportError("x.so: failed to map segment from file"), 1, "out of memory"),
    ],
)
def test_what_a_user_can_mend_ends_in_one_line(
    error: Exception, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        raising(error)
    line = capsys.readouterr().err
    assert (end.value.code, line[:9], line.count("\n")) == (status, "visbase: ", 1)
    assert words in line


@pytest.mark.parametrize(
    "error", [RuntimeError("sizes differ"), ImportError("no module"), OSError("odd")]
)
def test_error_of_the_program_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        raising(error)


@pytest.mark.slow
def test_run_goes_on_if_standard_error_is_closed(fresh_folders: Path) -> None:
    close = partial(os.close, 2)
    run = start_visbase("run", "linear", "--preset", "quick", preexec_fn=close)
    stdout, _ = run.communicate()
    assert run.returncode == 0
    assert stdout.startswith("linear")
    assert list(fresh_folders.rglob("seed0.json"))


def test_too_little_memory_is_refused_before_a_library_aborts() -> None:
    for kind, least_mib, option in LIBRARIES_MIB.values():
        size = (least_mib - 1) << 20
        limit = partial(resource.setrlimit, kind, (size, size))
        run = start_visbase("run", "bovw_pyramid", preexec_fn=limit)
        stdout, stderr = run.communicate()
        assert (run.returncode, stdout, stderr.count("\n")) == (1, "", 1)
        assert stderr.startswith("visbase: ")
        assert f"{least_mib - 1:,} MiB" in stderr and f"ulimit {option}" in stderr
