"""`python -m tests.soak.die before|after N ARGUMENT...`: visbase, killed at a write.

The process kills itself before or after the N-th file takes its place.
"""

from __future__ import annotations

import os
import signal
import sys

from pipeline import atomic
from pipeline.cli import main

if __name__ == "__main__":
    moment, wanted = sys.argv[1], int(sys.argv[2])
    n_writes = 0
    replace = os.replace

    def replace_and_die(source: str, target: str) -> None:
        global n_writes
        n_writes += 1
        if moment == "after":
            replace(source, target)
        if n_writes == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        if moment == "before":
            replace(source, target)

    atomic.os.replace = replace_and_die  # type: ignore[assignment]
    sys.argv = ["visbase", *sys.argv[3:]]
    main()
