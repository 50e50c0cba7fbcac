"""A Dask cluster whose workers compute blocks of images."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from visbase.pipeline.errors import BadInput

PATIENCE_S = 5  # with a scheduler that does not answer, or has no workers


def require_address(scheduler: str) -> None:
    """BadInput for what is no tcp://HOST:PORT, before any work that may need it."""
    try:
        port = urlsplit(f"//{scheduler.rpartition('://')[2]}").port
    except ValueError:
        port = None
    if port is None:
        raise BadInput(f"--scheduler {scheduler}: expected tcp://HOST:PORT")


def connected(address: str) -> Any:
    """A client of the Dask scheduler there, which has workers; BadInput otherwise."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise BadInput(
            "--scheduler needs distributed, which is not installed: "
            "pip install -c requirements.lock -e '.[dask]'"
        ) from None
    try:
        with ThreadPoolExecutor(1) as other:  # this one may run a loop, as notebooks do
            other.submit(asyncio.run, _greet(address)).result()
        client = Client(address, timeout=PATIENCE_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, MemoryError) as error:
        reason = str(error) or "no answer"
        raise BadInput(f"--scheduler {address}: no Dask scheduler ({reason})") from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError:
        client.close()  # type: ignore[no-untyped-call]
        raise BadInput(
            f"--scheduler {address}: has no workers; start some: dask worker {address}"
        ) from None
    return client


async def _greet(address: str) -> None:
    """Exchange greetings with a scheduler: a client would wait for ever for its own."""
    from distributed.comm.core import connect

    greeting = connect(address, timeout=PATIENCE_S)  # type: ignore[no-untyped-call]
    comm = await asyncio.wait_for(greeting, PATIENCE_S)
    await comm.close()
