"""The cost of recalled work counts as spent by the run that recalls it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_recalled_s = 0.0
_recalled_mb = 0.0


def recalled_s() -> float:
    """Seconds that all cache entries recalled so far took when they were computed.

    A run costs its wall-clock time plus the growth of this number.
    """
    return _recalled_s


def count_as_spent(seconds: float, peak_mb: float) -> None:
    """Count work that was done earlier and is used again."""
    global _recalled_s, _recalled_mb
    _recalled_s += seconds
    _recalled_mb = max(_recalled_mb, peak_mb)


def peak_rss_mb() -> float:
    """Peak memory, in MiB, of this process and of those that computed its entries."""
    return max(_recalled_mb, own_peak_rss_mb())


def own_peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MiB.

    On Linux read from /proc: getrusage starts with the memory of the parent process.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
