"""Progress on standard error: a bar with the remaining time, or lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

WORTH_A_LINE_S = 2.0
LINE_EVERY_S = 30.0


def track(
    items: Iterable[T], label: str, total: int, status: Callable[[], str] = str
) -> Iterator[T]:
    """Yield the items while a bar shows label, count, remaining time and status().

    Where standard error is no terminal, a line tells of each step that took over 2 s,
    and every 30 s how far a longer one is.
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}"),
        )
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(label, total=total, status="")
            for item in items:
                yield item
                progress.update(task, advance=1, status=status())
        return
    started = told = time.perf_counter()
    done = 0
    try:
        for item in items:
            yield item
            done += 1
            now = time.perf_counter()
            if now - told > LINE_EVERY_S and done < total:
                told = now
                left = (now - started) / done * (total - done)
                _tell(
                    f"{label}: {done} of {total}, about {left:.0f} s left  {status()}"
                )
    finally:  # the consumer may stop early
        seconds = time.perf_counter() - started
        if seconds > WORTH_A_LINE_S:
            _tell(f"{label}: {done} in {seconds:.1f} s")


@contextmanager
def working(label: str) -> Iterator[None]:
    """Show that a step of unknown length runs, and for how long it has."""
    started = time.perf_counter()
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn(label), TimeElapsedColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True) as progress:
            progress.add_task(label, total=None)
            yield
        return
    yield
    seconds = time.perf_counter() - started
    if seconds > WORTH_A_LINE_S:
        _tell(f"{label}: {seconds:.1f} s")


def _tell(line: str) -> None:
    print(f"  {line.rstrip()}", file=sys.stderr, flush=True)
