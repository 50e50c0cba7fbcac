"""Loops over blocks of images, run in parallel by threads or Dask workers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from visbase.pipeline.contracts import Images, Track, untracked
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.batches import sizes

T = TypeVar("T")
Number = TypeVar("Number", bound=np.generic)  # that the rows consist of

BLOCK = 200  # images; at 144 dense descriptors per image a block takes 15 MB
BLOCK_PIXELS = BLOCK * 28 * 28  # per block of larger images, which holds at least one


def n_jobs() -> int:
    """Return the number of worker threads: VISBASE_JOBS, or one per core."""
    wanted = os.environ.get("VISBASE_JOBS") or "0"
    if not re.fullmatch("[0-9]{1,3}", wanted):
        raise BadInput(
            f"VISBASE_JOBS={printable(wanted[:40])}: expected a number of threads, at "
            "most 999"
        )
    return int(wanted) or int(cpu_count())


def map_blocks(
    function: Callable[[Images], NDArray[Number]],
    images: Images,
    label: str,
    track: Track = untracked,
) -> NDArray[Number]:
    """Apply a function that returns one row per image, block by block in threads.

    One thread computes each block, with single-threaded matrix products, so the result
    does not depend on the number of jobs. If VISBASE_SCHEDULER holds the address of a
    Dask scheduler, its workers compute the blocks.
    """
    blocks = _blocks(images)
    if len(blocks) == 1:  # a single photograph needs neither threads nor a progress bar
        return _apply(function, images)
    scheduler = os.environ.get("VISBASE_SCHEDULER")
    if scheduler:
        return np.concatenate(_on_cluster(scheduler, function, images, blocks))
    with one_thread():
        results = Parallel(n_jobs(), prefer="threads", return_as="generator")(
            delayed(function)(images[rows]) for rows in blocks
        )
        return _joined(track(results, label, len(blocks)))


def _joined(parts: Iterator[NDArray[Number]]) -> NDArray[Number]:
    """Concatenate the parts as they come, without a second copy of what is there.

    They may take gigabytes; a large array grows where it is or moves by its pages.
    """
    joined = next(parts).copy()
    for rows in parts:
        start = len(joined)
        joined.resize((start + len(rows), *rows.shape[1:]), refcheck=False)
        joined[start:] = rows
    return joined


def in_threads(work: Callable[[int], T], starts: Iterable[int]) -> list[T]:
    """Return work(start) for each start, in order, with single-threaded products."""
    with one_thread():
        return Parallel(n_jobs(), prefer="threads")(map(delayed(work), starts))


def _on_cluster(
    address: str,
    function: Callable[[Images], NDArray[Number]],
    images: Images,
    blocks: list[slice],
) -> list[NDArray[Number]]:
    """Compute the blocks on the workers of a Dask scheduler.

    If a worker is lost, another one computes its blocks again. Workers read photographs
    from the same paths as this process.
    """
    from visbase.pipeline.images.cluster import connected  # Dask is optional

    with connected(address), parallel_config(backend="dask"):
        # a block inside the function travels with its task; joblib would send an
        # argument to one worker only, and it would be lost with that worker
        tasks = (delayed(partial(_apply, function, images[rows]))() for rows in blocks)
        return list(Parallel()(tasks))


def _apply(
    function: Callable[[Images], NDArray[Number]], images: Images
) -> NDArray[Number]:
    """Call function(images) with single-threaded matrix products."""
    with one_thread():
        return function(images)


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit matrix products and OpenCV to one thread inside a `with` block.

    With more, OpenCV may round a value of a SIFT descriptor differently in each run.
    """
    import cv2  # slow to import, and many commands do not need it

    n_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        cv2.setNumThreads(n_threads)


@cache
def _controller() -> ThreadpoolController:
    """Find the BLAS libraries once: it takes as long as describing an image.

    numpy, whose matrix products matter here, is loaded by then.
    """
    return ThreadpoolController()


def _blocks(images: Images) -> list[slice]:
    """Cut images into consecutive blocks; no images make one empty block."""
    starts, pixels = [0], 0
    for i, size in enumerate(sizes(images).prod(axis=1).tolist()):
        if i > starts[-1] and (pixels + size > BLOCK_PIXELS or i - starts[-1] == BLOCK):
            starts.append(i)
            pixels = 0
        pixels += size
    return [slice(a, b) for a, b in pairwise([*starts, len(images)])]
