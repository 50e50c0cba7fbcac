"""Two implementations of one task, timed alternately in one process."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from threadpoolctl import threadpool_limits


@dataclass(frozen=True)
class Pair:
    """A task, the two implementations, and the least ratio of their times to aim for.

    ours and peer take no arguments and do the work of one repetition. threads: limit
    for the numerical libraries and our own. agreement: describes how well the two
    results agree.
    """

    task: str
    peer_name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    at_least: float | None = None
    threads: int = 1
    repeats: int = 5
    agreement: Callable[[Any, Any], str] = lambda ours, peer: ""


@dataclass(frozen=True)
class Timing:
    """Seconds of each repetition."""

    pair: Pair
    ours_s: list[float]
    peer_s: list[float]
    agreement: str

    @property
    def ratios(self) -> list[float]:
        """The peer's time over ours, for each repetition."""
        return [p / o for p, o in zip(self.peer_s, self.ours_s, strict=True)]

    def row(self) -> str:
        """A row of the table in results.md."""
        ratio = statistics.median(self.ratios)
        target = self.pair.at_least
        return (
            f"| {self.pair.task} | {self.pair.peer_name} | {self.pair.threads} | "
            f"{spread(self.ours_s, 's')} | {spread(self.peer_s, 's')} | "
            f"**{ratio:.2f}** ({min(self.ratios):.2f} to {max(self.ratios):.2f}) | "
            f"{'' if target is None else f'{target:.3g}'} | {len(self.ours_s)} | "
            f"{self.agreement} |"
        )


HEAD = (
    "| task | peer | threads | ours | peer | ratio | target | repeats | agreement |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
)


@contextmanager
def limited_to(n_threads: int) -> Iterator[None]:
    """Limit the threads of the numerical libraries and our own."""
    ours = patch.dict(os.environ, VISBASE_JOBS=str(n_threads))
    with threadpool_limits(n_threads), ours:
        yield


def measure(pair: Pair) -> Timing:
    """Run both once to warm up, then alternately."""
    ours_s, peer_s = [], []
    with limited_to(pair.threads):
        pair.ours()
        pair.peer()
        for _ in range(pair.repeats):
            seconds, ours = _timed(pair.ours)
            ours_s.append(seconds)
            seconds, peer = _timed(pair.peer)
            peer_s.append(seconds)
    timing = Timing(pair, ours_s, peer_s, pair.agreement(ours, peer))
    print(timing.row(), file=sys.stderr)
    return timing


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def spread(values: list[float], unit: str) -> str:
    """Median, minimum and maximum as text."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.3g} {unit} ({low:.3g} to {high:.3g})"
