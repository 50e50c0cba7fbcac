"""Blocks of images on a Dask cluster: the same to the bit, nothing lost."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import visbase
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.histograms import BagOfWords, Histograms
from visbase.pipeline.encoding.sample import learn_vocabularies
from visbase.pipeline.images.blocks import map_blocks

distributed = pytest.importorskip("distributed")

Refused = Callable[[str], str]
GRIDS = (DenseSift(2, 4, 4),)


@pytest.mark.slow
def test_histograms_are_the_same_to_the_bit_even_if_a_worker_is_killed(
    mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = learn_vocabularies(mnist.train.images[:100], GRIDS, 12, 2000, seed=0)
    bag = BagOfWords(GRIDS, words, Histograms(levels=(1, 2), n_nearest=3))
    images = np.tile(mnist.test.images, (2, 1, 1))
    here = map_blocks(bag.vectors, images, "histograms")
    few = map_blocks(bag.vectors, images[:1500], "histograms")
    killed = threading.Event()
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as c:
        monkeypatch.setenv("VISBASE_SCHEDULER", c.scheduler_address)
        there = map_blocks(bag.vectors, images[:1500], "histograms")
        np.testing.assert_array_equal(there, few)

        def kill() -> None:
            os.kill(next(iter(c.workers.values())).pid, signal.SIGKILL)
            killed.set()

        threading.Timer(0.5, kill).start()
        there = map_blocks(bag.vectors, images, "histograms")
    assert killed.is_set(), "the work was over before the worker was killed"
    np.testing.assert_array_equal(there, here)


@pytest.fixture
def refused(fresh_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """The one line that a run prints about a scheduler it cannot use."""
    monkeypatch.setattr("visbase.pipeline.images.cluster.PATIENCE_S", 1)

    def refused(address: str) -> str:
        monkeypatch.setenv("VISBASE_SCHEDULER", "")  # what the command sets is undone
        done = visbase("run", "bovw_grid", "--preset=quick", "--scheduler", address)
        assert done.exit_code == 2
        (line,) = [one for one in done.output.splitlines() if "--scheduler" in one]
        assert address in line
        return line

    return refused


def test_address_without_a_port_is_refused_before_any_work(
    refused: Refused, fresh_folders: Path
) -> None:
    for address in ("tcp://127.0.0.1", "tcp://127.0.0.1:port", "127.0.0.1", "tcp://"):
        assert "tcp://HOST:PORT" in refused(address)
    assert not list(fresh_folders.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_other_server_or_none_is_refused(refused: Refused, content: bytes) -> None:
    connections = []

    def serve() -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                connections.append(server.accept()[0])
                connections[-1].sendall(content)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert "no Dask scheduler" in refused(address)
    assert connections
    assert "no Dask scheduler" in refused("tcp://127.0.0.1:1")


def test_scheduler_without_workers_is_refused(refused: Refused) -> None:
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as idle:
        assert "no workers" in refused(idle.scheduler_address)
