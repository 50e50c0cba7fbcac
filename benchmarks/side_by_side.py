"""Two ways to the same result, timed in turn in one process."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threadpoolctl import threadpool_limits


@dataclass(frozen=True)
class Pair:
    """What is done, by whom, and how many times faster ours should be, if it is said.

    threads: of the numerical libraries; ours and peer take no arguments and do all the
    work of one repetition. agreement: what the two results have in common, in words.
    """

    what: str
    peer_name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    at_least: float | None = None
    threads: int = 1
    repeats: int = 5
    agreement: Callable[[Any, Any], str] = lambda ours, peer: ""


@dataclass(frozen=True)
class Timing:
    """Seconds of each repetition, in turn."""

    pair: Pair
    ours_s: list[float]
    peer_s: list[float]
    agreement: str

    @property
    def ratios(self) -> list[float]:
        """Peer's time over ours, repetition by repetition."""
        return [p / o for p, o in zip(self.peer_s, self.ours_s, strict=True)]

    def row(self) -> str:
        """Of the table in results.md."""
        ratio = statistics.median(self.ratios)
        asked = self.pair.at_least
        return (
            f"| {self.pair.what} | {self.pair.peer_name} | {self.pair.threads} | "
            f"{spread(self.ours_s, 's')} | {spread(self.peer_s, 's')} | "
            f"**{ratio:.2f}** ({min(self.ratios):.2f} to {max(self.ratios):.2f}) | "
            f"{'' if asked is None else f'{asked:.3g}'} | {len(self.ours_s)} | "
            f"{self.agreement} |"
        )


HEAD = (
    "| what | peer | threads | ours | peer | ratio | asked | repeats | results |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
)


def measure(pair: Pair) -> Timing:
    """Run both once to warm up, then in turn."""
    ours_s, peer_s = [], []
    with threadpool_limits(pair.threads):
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
    """Median, smallest and largest."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.3g} {unit} ({low:.3g} to {high:.3g})"
