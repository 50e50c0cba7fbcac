"""`python -m tests.soak.die before|after N ARGUMENT...`: visbase, killed at a write.

The process kills itself before or after the N-th file takes its place. With
`during:FUNCTION` instead it does so at the N-th call or return that visbase's own
code makes inside that function, in any thread. N = 0 prints how many there are.
"""

import atexit
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from visbase.pipeline.commands import main
from visbase.pipeline.storage import ROOT, atomic

OURS = (f"{ROOT}/visbase/pipeline/", f"{ROOT}/visbase/cnn/")


def countdown(nth: int) -> Callable[[], None]:
    """Return a function whose nth call kills the process."""
    numbers = itertools.count(1)

    def count() -> None:
        if next(numbers) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    if not nth:
        atexit.register(lambda: print(next(numbers) - 1))
    return count


def count_writes(moment: str, count: Callable[[], None]) -> None:
    replace = os.replace

    def replace_and_count(source: str, target: str) -> None:
        if moment == "before":
            count()
        replace(source, target)
        if moment == "after":
            count()

    atomic.os.replace = replace_and_count  # type: ignore[attr-defined]


def count_calls(function: str, count: Callable[[], None]) -> None:
    depth, steps = threading.local(), {"call": 1, "return": -1}

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        before = getattr(depth, "value", 0)
        if frame.f_code.co_qualname == function:
            depth.value = before + steps.get(event, 0)
        inside = before or getattr(depth, "value", 0)
        if inside and frame.f_code.co_filename.startswith(OURS):
            count()

    threading.setprofile(watch)
    sys.setprofile(watch)


if __name__ == "__main__":
    moment, count = sys.argv[1], countdown(int(sys.argv[2]))
    if moment.startswith("during:"):
        count_calls(moment.removeprefix("during:"), count)
    else:
        count_writes(moment, count)
    sys.argv = ["visbase", *sys.argv[3:]]
    main()
