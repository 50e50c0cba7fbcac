"""A command that cannot go on says why in one line, with the status that it should."""

import errno
import resource
import subprocess
import sys

import pytest

from visbase.pipeline.commands.endings import LIBRARIES_MIB, ends_in_one_line
from visbase.pipeline.errors import BadInput


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BadInput("a.png: broken"), 2, "visbase: a.png: broken"),
        (OSError(errno.ENOSPC, "No space", "a.npy"), 1, "visbase: a.npy: No space;"),
        (
            OSError(errno.EROFS, "Read-only", "a.npy"),
            1,
            "visbase: a.npy: Read-only; perm",
        ),
        (OSError(errno.ENOENT, "Gone", "art"), 1, "visbase: art: Gone; permit it or"),
        (OSError(errno.EMFILE, "Too many"), 1, "visbase: Too many; make room"),
        (OSError(errno.EIO, "I/O error", "a"), 1, "visbase: a: I/O error; permit"),
        (MemoryError(), 1, "visbase: out of memory; make room"),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nmore"),
            1,
            "visbase: out of memory (CUDA out of memory. Tried to allocate 2 GiB)",
        ),
        (
            ImportError("libx.so: failed to map segment from shared object"),
            1,
            "visbase: out of memory (libx.so: failed to map segment",
        ),
    ],
)
def test_what_a_user_can_mend_ends_in_one_line(error, status, said, capsys):
    with pytest.raises(SystemExit) as end:
        raising(error)
    told = capsys.readouterr().err
    assert end.value.code == status
    assert told.startswith(said)
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [RuntimeError("sizes differ"), ImportError("no module"), OSError(22, "Odd")],
)
def test_an_error_of_the_program_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        raising(error)


def test_run_goes_on_where_standard_error_is_closed(fresh_folders):
    done = subprocess.run(
        f"{sys.executable} -m visbase run linear --preset quick 2>&-",
        shell=True,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("linear")
    assert list(fresh_folders.rglob("seed0.json"))


@pytest.mark.parametrize(
    ("which", "told"),
    [
        (resource.RLIMIT_AS, "visbase: address space limited to 1,799 MiB"),
        (resource.RLIMIT_DATA, "visbase: data in memory limited to 999 MiB"),
    ],
)
def test_too_little_memory_is_refused_before_a_library_aborts(which, told):
    def limit():
        size = (LIBRARIES_MIB[which] - 1) << 20
        resource.setrlimit(which, (size, size))

    done = subprocess.run(
        [sys.executable, "-m", "visbase", "run", "bovw_pyramid"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1


@ends_in_one_line
def raising(error):
    raise error
