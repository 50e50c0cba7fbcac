"""Progress on standard error: a bar with the remaining time, or lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

WORTH_A_LINE_S = 2.0


def track(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """Yield the items while a bar shows label, count and remaining time.

    Where standard error is no terminal, a line tells of each step that took over 2 s.
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as progress:
            yield from progress.track(items, description=label, total=total)
        return
    started = time.perf_counter()
    yield from items
    seconds = time.perf_counter() - started
    if seconds > WORTH_A_LINE_S:
        print(f"  {label}: {total} in {seconds:.1f} s", file=sys.stderr, flush=True)
