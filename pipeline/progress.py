"""Progress on standard error: a bar in a terminal, occasional lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

WORTH_A_LINE_S = 2.0  # shorter steps are not logged
LINE_EVERY_S = 30.0


def track(
    items: Iterable[T], label: str, total: int, status: Callable[[], str] = str
) -> Iterator[T]:
    """Yield the items while a bar shows label, count, remaining time and status().

    If standard error is not a terminal, prints a line for each step that took over 2 s,
    and every 30 s a line with the progress of a longer one.
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
    started = last_line = time.perf_counter()
    done = 0
    try:
        for item in items:
            yield item
            done += 1
            now = time.perf_counter()
            if now - last_line > LINE_EVERY_S and done < total:
                last_line = now
                left = (now - started) / done * (total - done)
                _print_line(
                    f"{label}: {done} of {total}, about {left:.0f} s left  {status()}"
                )
    finally:  # the consumer may stop early
        seconds = time.perf_counter() - started
        if seconds > WORTH_A_LINE_S:
            _print_line(f"{label}: {done} in {seconds:.1f} s")


@contextmanager
def working(label: str) -> Iterator[None]:
    """Show that a step of unknown length is running, and for how long."""
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
        _print_line(f"{label}: {seconds:.1f} s")


def _print_line(line: str) -> None:
    print(f"  {line.rstrip()}", file=sys.stderr, flush=True)
