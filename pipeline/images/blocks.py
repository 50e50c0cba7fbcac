"""The one place where loops over blocks of images run in parallel: threads, workers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cache, partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from visbase.pipeline.contracts import Images, Track, untracked
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.batches import sizes

T = TypeVar("T")

BLOCK = 200  # images: 144 dense descriptors of each are 15 MB
BLOCK_PIXELS = BLOCK * 28 * 28  # larger images: as many pixels, but at least one image


def n_jobs() -> int:
    """Worker threads: VISBASE_JOBS, or one per core."""
    wanted = os.environ.get("VISBASE_JOBS") or "0"
    if not re.fullmatch("[0-9]{1,3}", wanted):
        raise BadInput(
            f"VISBASE_JOBS={printable(wanted[:40])}: expected a number of threads, at "
            "most 999"
        )
    return int(wanted) or int(cpu_count())


def map_blocks(
    function: Callable[[Images], NDArray[np.float32]],
    images: Images,
    label: str,
    track: Track = untracked,
) -> NDArray[np.float32]:
    """Apply a function of images, a row per image, block by block in threads.

    Each block is computed by one thread with single-threaded matrix products, so the
    result does not depend on the number of jobs. VISBASE_SCHEDULER, the address of a
    Dask scheduler, has its workers compute them.
    """
    cut = _cut(images)
    if len(cut) == 1:  # no threads and no bar for a single photograph
        return _alone(function, images)
    scheduler = os.environ.get("VISBASE_SCHEDULER")
    if scheduler:
        return np.concatenate(_on_cluster(scheduler, function, images, cut))
    with _one_blas_thread():
        blocks = Parallel(n_jobs(), prefer="threads", return_as="generator")(
            delayed(function)(images[rows]) for rows in cut
        )
        return np.concatenate(list(track(blocks, label, len(cut))))


def in_threads(work: Callable[[int], T], starts: Iterable[int]) -> list[T]:
    """work of each start, in order; matrix products in one thread each."""
    with _one_blas_thread():
        return Parallel(n_jobs(), prefer="threads")(map(delayed(work), starts))


def _on_cluster(
    address: str,
    function: Callable[[Images], NDArray[np.float32]],
    images: Images,
    cut: list[slice],
) -> list[NDArray[np.float32]]:
    """The blocks' results, computed by the workers of a Dask scheduler.

    What a lost worker had is computed again by another. Files of photographs must be
    where the workers are, too.
    """
    from visbase.pipeline.images.cluster import connected  # few have a cluster

    with connected(address), parallel_config(backend="dask"):
        # as part of the function a block travels with its task; as an argument joblib
        # would put it on one worker alone, and lose it with that worker
        tasks = (delayed(partial(_alone, function, images[rows]))() for rows in cut)
        return list(Parallel()(tasks))


def _alone(
    function: Callable[[Images], NDArray[np.float32]], images: Images
) -> NDArray[np.float32]:
    """The same to the bit wherever it runs: matrix products in one thread."""
    with _one_blas_thread():
        return function(images)


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Matrix products in one thread, as long as it is open."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    """Finding the libraries takes as long as describing an image: done once.

    What multiplies here is numpy, which is loaded by then.
    """
    return ThreadpoolController()


def _cut(images: Images) -> list[slice]:
    """Consecutive blocks of images; without images one empty block, for its shape."""
    starts, pixels = [0], 0
    for i, size in enumerate(sizes(images).prod(axis=1).tolist()):
        if i > starts[-1] and (pixels + size > BLOCK_PIXELS or i - starts[-1] == BLOCK):
            starts.append(i)
            pixels = 0
        pixels += size
    return [slice(a, b) for a, b in pairwise([*starts, len(images)])]
