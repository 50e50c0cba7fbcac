"""Functions that numba compiles, whose machine code stays on disk between runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from visbase.pipeline.errors import BadEnvironment

try:
    import numba
except ValueError as error:  # it reads the environment while it is imported
    raise BadEnvironment(f"NUMBA_ variables of the environment: {error}") from None

Function = Callable[..., Any]


def compiled(**how: Any) -> Callable[[Function], Function]:
    """Compile a function to run without the interpreter's lock; how: of `numba.njit`.

    The machine code is kept beside the source, or in the user's cache folder; where
    neither can be written, each process compiles anew. Code on disk that cannot be
    read is told and compiled anew.
    """

    def decorate(function: Function) -> Function:
        try:
            kept: Any = numba.njit(cache=True, nogil=True, **how)(function)
        except RuntimeError:  # no folder for its code
            unkept: Function = numba.njit(nogil=True, **how)(function)
            return unkept
        on_disk = getattr(kept, "_cache", None)
        if on_disk is None:  # NUMBA_DISABLE_JIT
            return function
        load = on_disk.load_overload

        def load_sound(*signature: Any) -> Any:
            try:
                return load(*signature)
            except Exception:  # whatever a damaged pickle raises
                print(
                    f"compiled code of {function.__name__} is damaged; compiling anew",
                    file=sys.stderr,
                )
                on_disk.flush()
                return None

        on_disk.load_overload = load_sound
        result: Function = kept
        return result

    return decorate
