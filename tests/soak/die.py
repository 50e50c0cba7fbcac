"""`python -m tests.soak.die before|after N ARGUMENT...`: visbase, killed at a write.

The process kills itself before or after the N-th file takes its place. With
`during:FUNCTION` in place of these it does so at the N-th call or return that visbase's
own code makes inside that function, in any thread; N = 0 prints how many there are.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType

from visbase.pipeline.commands import main
from visbase.pipeline.storage import ROOT, atomic

OURS = (f"{ROOT}/visbase/pipeline/", f"{ROOT}/visbase/cnn/")


def die_at_write(moment: str, wanted: int) -> None:
    n_writes = 0
    replace = os.replace

    def replace_and_die(source: str, target: str) -> None:
        nonlocal n_writes
        n_writes += 1
        if moment == "after":
            replace(source, target)
        if n_writes == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        if moment == "before":
            replace(source, target)

    atomic.os.replace = replace_and_die  # type: ignore[assignment]


def die_inside(function: str, wanted: int) -> None:
    depth, n_events = threading.local(), 0
    steps = {"call": 1, "return": -1}

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal n_events
        before = getattr(depth, "value", 0)
        if frame.f_code.co_qualname == function:
            depth.value = before + steps.get(event, 0)
        inside = before or getattr(depth, "value", 0)
        if inside and frame.f_code.co_filename.startswith(OURS):
            n_events += 1
            if n_events == wanted:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
    if not wanted:
        atexit.register(lambda: print(n_events))


if __name__ == "__main__":
    moment, wanted = sys.argv[1], int(sys.argv[2])
    if moment.startswith("during:"):
        die_inside(moment.removeprefix("during:"), wanted)
    else:
        die_at_write(moment, wanted)
    sys.argv = ["visbase", *sys.argv[3:]]
    main()
