"""Connect to a Dask cluster whose workers compute blocks of images."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from visbase.pipeline.errors import BadInput

PATIENCE_S = 5  # how long to wait for a scheduler and for its first worker


def require_address(scheduler: str) -> None:
    """Raise BadInput, before any work, unless scheduler is tcp://HOST:PORT."""
    try:
        port = urlsplit(f"//{scheduler.rpartition('://')[2]}").port
    except ValueError:
        port = None
    if port is None:
        raise BadInput(f"--scheduler {scheduler}: expected tcp://HOST:PORT")


def connected(address: str) -> Any:
    """Return a client of the Dask scheduler; BadInput if it has no workers."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise BadInput(
            "--scheduler needs distributed, which is not installed: "
            "pip install -c requirements.lock -e '.[dask]'"
        ) from None
    try:
        with ThreadPoolExecutor(1) as thread:  # notebooks run a loop in this one
            thread.submit(asyncio.run, _greet(address)).result()
        client = Client(address, timeout=PATIENCE_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, MemoryError) as error:
        reason = str(error) or "no answer"
        raise BadInput(
            f"--scheduler {address}: no Dask scheduler answers ({reason})"
        ) from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError:
        client.close()  # type: ignore[no-untyped-call]
        raise BadInput(
            f"--scheduler {address}: the scheduler has no workers; start one with "
            f"`dask worker {address}`"
        ) from None
    return client


async def _greet(address: str) -> None:
    """Shake hands with the scheduler: a client alone would wait forever."""
    from distributed.comm.core import connect

    greeting = connect(address, timeout=PATIENCE_S)  # type: ignore[no-untyped-call]
    comm = await asyncio.wait_for(greeting, PATIENCE_S)
    await comm.close()
