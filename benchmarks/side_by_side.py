"""Two ways to the same result, timed in turn in one process."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from threadpoolctl import threadpool_limits


@dataclass(frozen=True)
class Pair:
    """What is done, by whom, and how many times faster ours should be.

    threads: of the numerical libraries; ours and peer take no arguments and do all the
    work of one repetition.
    """

    what: str
    peer_name: str
    ours: Callable[[], object]
    peer: Callable[[], object]
    at_least: float
    threads: int = 1
    repeats: int = 5


@dataclass(frozen=True)
class Timing:
    """Seconds of each repetition, in turn."""

    pair: Pair
    ours_s: list[float]
    peer_s: list[float]

    @property
    def ratios(self) -> list[float]:
        """Peer's time over ours, repetition by repetition."""
        return [p / o for p, o in zip(self.peer_s, self.ours_s, strict=True)]

    def row(self) -> str:
        """Of the table in results.md."""
        ratio = statistics.median(self.ratios)
        return (
            f"| {self.pair.what} | {self.pair.peer_name} | {self.pair.threads} | "
            f"{_spread(self.ours_s, 's')} | {_spread(self.peer_s, 's')} | "
            f"**{ratio:.2f}** ({min(self.ratios):.2f} to {max(self.ratios):.2f}) | "
            f"{self.pair.at_least:g} | {len(self.ours_s)} |"
        )


HEAD = (
    "| what | peer | threads | ours | peer | ratio | asked | repeats |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def measure(pair: Pair) -> Timing:
    """Run both once to warm up, unless once is all, then in turn."""
    ours_s, peer_s = [], []
    with threadpool_limits(pair.threads):
        if pair.repeats > 1:
            pair.ours()
            pair.peer()
        for _ in range(pair.repeats):
            ours_s.append(_seconds(pair.ours))
            peer_s.append(_seconds(pair.peer))
    timing = Timing(pair, ours_s, peer_s)
    print(timing.row(), file=sys.stderr)
    return timing


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _spread(values: list[float], unit: str) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.3g} {unit} ({low:.3g} to {high:.3g})"
