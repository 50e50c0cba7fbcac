"""How a command that cannot go on ends: one line on standard error and a status."""

from __future__ import annotations

import errno
import functools
import io
import os
import re
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click

from visbase.pipeline.errors import FULL, BadInput, printable

# a lack of memory in the words of the loader, PyTorch, CUDA and Python's threads, which
# raise ImportError or RuntimeError for it
NO_MEMORY = "allocate|out of memory|map segment|cannot map|start new thread"
# MiB that the libraries take before the first image: of address space (ulimit -v), and
# of its part that is no file's (ulimit -d)
LIBRARIES_MIB = {
    "address space": (resource.RLIMIT_AS, 1800, "-v"),
    "data in memory": (resource.RLIMIT_DATA, 1000, "-d"),
}
INTACT = "earlier records are intact"


def ends_in_one_line(command: Callable[..., Any]) -> Callable[..., Any]:
    """End in one line with status 2 for BadInput and 1 for a full disk or memory.

    Ctrl-C ends in one line with status 130. Other exceptions are errors of the program
    and pass.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if sys.stderr is None:  # closed: its lines must not go to the results
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # escape what it cannot encode
                stream.reconfigure(errors="backslashreplace")
        # Pillow warns of flaws that it can handle, with a line of its source
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            _require_memory()
            return command(*args, **kwargs)
        except BadInput as error:
            _end(str(error), 2)
        except OSError as error:
            if error.errno in (None, errno.EPIPE):
                raise
            place = f"{printable(error.filename)}: " if error.filename else ""
            advice = "make room and" if error.errno in FULL else "allow access and"
            _end(f"{place}{error.strerror}; {advice} run it again; {INTACT}", 1)
        except (MemoryError, ImportError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            if not isinstance(error, MemoryError) and not re.search(NO_MEMORY, reason):
                raise
            cause = f" ({reason})" if reason else ""
            _end(f"out of memory{cause}; make room and run it again; {INTACT}", 1)
        except KeyboardInterrupt:
            click.echo("visbase: interrupted; run it again to continue", err=True)
            # threads in the middle of a computation would abort an orderly exit
            os._exit(128 + signal.SIGINT)

    return wrapper


def _end(line: str, status: int) -> None:
    click.echo(f"visbase: {line}", err=True)
    sys.exit(status)


def _require_memory() -> None:
    """End if a limit is too low for the libraries: some of them abort silently."""
    for what, (kind, least, option) in LIBRARIES_MIB.items():
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY and limit >> 20 < least:
            _end(
                f"{what} is limited to {limit >> 20:,} MiB, expected at least "
                f"{least:,} for the libraries alone; raise the limit (ulimit {option})",
                1,
            )
