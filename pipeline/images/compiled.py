"""Functions compiled by numba, whose machine code is kept on disk between runs."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

from visbase.pipeline.errors import BadEnvironment

try:
    import numba
except ValueError as error:  # it reads the environment while it is imported
    raise BadEnvironment(f"NUMBA_ variables of the environment: {error}") from None

Function = Callable[..., Any]

# for functions that compiled functions call: their code is kept with their callers'
compiled_inside = functools.partial(numba.njit, nogil=True)


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Compile a function that runs without the interpreter's lock.

    options: as for `numba.njit`. The machine code is kept where numba puts it: beside
    the source or, if that is read-only, in the user's cache folder. If neither can be
    written to, each process compiles the function again. Damaged code on disk is
    reported and replaced.
    """

    def decorate(function: Function) -> Function:
        try:
            kept: Any = numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # no folder for the code
            unkept: Function = numba.njit(nogil=True, **options)(function)
            return unkept
        lock = threading.Lock()

        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            try:
                return kept(*arguments)
            except Exception:  # loading a damaged pickle raises almost anything
                with lock:
                    stats = kept.stats
                    if not (stats.cache_hits or stats.cache_misses):  # it did not load
                        print(
                            f"compiled code of {function.__name__} is damaged; "
                            "compiling it again",
                            file=sys.stderr,
                        )
                        kept.recompile()  # empties the cache on disk
                    return kept(*arguments)

        return call

    return decorate
