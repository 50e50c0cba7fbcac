"""What recalled work cost when it was done: it counts as spent by who recalls it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_recalled_s = 0.0
_recalled_mb = 0.0


def recalled_s() -> float:
    """Seconds that recalled entries took when they were computed, so far.

    The cost of a run is its wall-clock time plus what this grew by.
    """
    return _recalled_s


def count_as_spent(seconds: float, peak_mb: float) -> None:
    """Count work that was done earlier and is now used again."""
    global _recalled_s, _recalled_mb
    _recalled_s += seconds
    _recalled_mb = max(_recalled_mb, peak_mb)


def peak_rss_mb() -> float:
    """Peak memory of this process, or of one that computed a recalled entry, in MiB."""
    return max(_recalled_mb, own_peak_rss_mb())


def own_peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MiB.

    On Linux from its own account: what getrusage tells begins with the memory of the
    process that started it.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
