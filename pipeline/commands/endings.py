"""How a command ends that cannot go on: one line on standard error, and its status."""

from __future__ import annotations

import errno
import functools
import io
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click

from visbase.pipeline.errors import FULL, BadInput, printable

NO_PLACE = (
    errno.ENOENT,
    errno.EBUSY,
    errno.EIO,
    errno.ESTALE,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ELOOP,
    errno.ENAMETOOLONG,
)
# the same in the words of the loader, PyTorch, CUDA and Python's threads, which raise
# ImportError or RuntimeError for it
NO_MEMORY = (
    "allocate",
    "out of memory",
    "map segment",
    "cannot map",
    "start new thread",
)
# MiB of a limited resource that the libraries take before the first image: of address
# space, and of its part that is no file's
LIBRARIES_MIB = {resource.RLIMIT_AS: 1800, resource.RLIMIT_DATA: 1000}
MEND = "make room and run it again to continue; what was recorded before is intact"
MOVE = "permit it or name another place; what was recorded before is intact"


def ends_in_one_line(command: Callable[..., Any]) -> Callable[..., Any]:
    """One line and exit status 2 for BadInput, 1 for a full disk or memory.

    Ctrl-C ends in one as well, and 130. Other exceptions are errors of the program and
    pass.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if sys.stderr is None:  # closed: what is told goes nowhere, not to the results
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # what it cannot say is spelt out
                stream.reconfigure(errors="backslashreplace")
        # Pillow warns, with a line of its source, of flaws that it gets along with
        warnings.filterwarnings("ignore", module=r"PIL\.")
        _refuse_little_memory()
        try:
            return command(*args, **kwargs)
        except BadInput as error:
            click.echo(f"visbase: {error}", err=True)
            sys.exit(2)
        except OSError as error:
            if error.errno not in (*FULL, *NO_PLACE):
                raise
            place = f"{printable(error.filename)}: " if error.filename else ""
            mend = MEND if error.errno in FULL else MOVE
            click.echo(f"visbase: {place}{error.strerror}; {mend}", err=True)
            sys.exit(1)
        except (MemoryError, ImportError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            if not isinstance(error, MemoryError) and not any(
                sign in reason for sign in NO_MEMORY
            ):
                raise
            told = f" ({reason})" if reason else ""
            click.echo(f"visbase: out of memory{told}; {MEND}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("visbase: interrupted; run it again to continue", err=True)
            # native threads in mid-computation would abort an orderly exit
            os._exit(128 + signal.SIGINT)

    return wrapper


def _refuse_little_memory() -> None:
    """Under a limit that the libraries exceed some of them abort without a word."""
    for which, what, option in (
        (resource.RLIMIT_AS, "address space", "-v"),
        (resource.RLIMIT_DATA, "data in memory", "-d"),
    ):
        limit, _ = resource.getrlimit(which)
        if limit == resource.RLIM_INFINITY or limit >> 20 >= LIBRARIES_MIB[which]:
            continue
        click.echo(
            f"visbase: {what} limited to {limit >> 20:,} MiB, expected at least "
            f"{LIBRARIES_MIB[which]:,} for the libraries alone; raise the limit "
            f"(ulimit {option})",
            err=True,
        )
        sys.exit(1)
