"""Options that several commands share, and what a command does with bad input."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.errors import BadInput, printable

# what a machine lacks, as against what the program got wrong
NO_ROOM = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOMEM,
    errno.ENOTDIR,
)
MEND = "make room and run it again to continue; what was recorded before is intact"


def one_line_for_bad_input(command: Callable[..., Any]) -> Callable[..., Any]:
    """One line for BadInput and exit status 2, for a full disk or memory and 1.

    Ctrl-C becomes one as well, and 130.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except BadInput as error:
            click.echo(f"visbase: {error}", err=True)
            sys.exit(2)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            place = f"{printable(error.filename)}: " if error.filename else ""
            click.echo(f"visbase: {place}{error.strerror}; {MEND}", err=True)
            sys.exit(1)
        except MemoryError as error:
            reason = f" ({error})" if str(error) else ""
            click.echo(f"visbase: out of memory{reason}; {MEND}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("visbase: interrupted; run it again to continue", err=True)
            # native threads in mid-computation would abort an orderly exit
            os._exit(128 + signal.SIGINT)

    return wrapper


dataset_option = click.option(
    "--dataset",
    default="mnist",
    show_default=True,
    help="Name of a data set, or folder:PATH for photographs of your own.",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder that holds the data set's files [default: where it ships].",
)
preset_option = click.option(
    "--preset",
    type=click.Choice(["full", "quick"]),
    default="full",
    show_default=True,
    help="quick takes seconds and never enters the table.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Threads for loops over images [default: one a core].",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="tcp://HOST:PORT",
    help="Dask scheduler whose workers find and encode descriptors; else unused.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    envvar="VISBASE_DEVICE",
    help="Where networks are trained.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one field of the method's preset.",
)
train_per_class_option = click.option(
    "--train-per-class",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of a folder without train and test: random images a class that train.",
)
skip_bad_option = click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out a folder's files that cannot be read, instead of stopping.",
)
