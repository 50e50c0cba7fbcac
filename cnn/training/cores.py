"""Each thread that computes a network on a core of its own.

PyTorch's threads wait for each other several times per layer. Beside another program
the kernel moves them from core to core, two onto one, and training took 5 to 8 times
as long; with a core for each of them it takes about twice as long (docs/tried.md). They
learn of their cores when PyTorch is imported, so this module must come first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# The variables are unset again, since other libraries' threads do better without.
_SETTINGS = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
_chosen = any(name.startswith(("OMP_", "GOMP_", "MKL_")) for name in os.environ)
_binds = sys.platform == "linux" and not _chosen
if _binds:
    os.environ |= _SETTINGS
    _everywhere = os.sched_getaffinity(0)

try:
    import torch
finally:  # it may not be installed
    if _binds:
        for _name in _SETTINGS:
            del os.environ[_name]

if _binds:
    _first_core = os.sched_getaffinity(0)  # where PyTorch expects this thread
    os.sched_setaffinity(0, _everywhere)


@contextmanager
def each_on_its_core(device: torch.device) -> Iterator[None]:
    """Keep the calling thread on the one core that PyTorch's other threads leave to it.

    Nothing happens on other devices, and if a variable of OpenMP or MKL is set.
    """
    if not _binds or device.type != "cpu":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _first_core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def on_any_core() -> None:
    """Free the calling thread, which has the cores of the one that started it."""
    if _binds:
        os.sched_setaffinity(0, _everywhere)
