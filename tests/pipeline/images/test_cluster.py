"""Blocks of images on a Dask cluster: the same to the bit, nothing lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from visbase.pipeline.commands import main
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.histograms import BagOfWords, Histograms
from visbase.pipeline.encoding.sample import learn_vocabularies
from visbase.pipeline.images.blocks import map_blocks

distributed = pytest.importorskip("distributed")

GRIDS = (DenseSift(2, 4, 4),)


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def bag(mnist: Dataset) -> BagOfWords:
    words = learn_vocabularies(mnist.train.images[:100], GRIDS, 12, 2000, seed=0)
    return BagOfWords(GRIDS, words, Histograms(levels=(1, 2), n_nearest=3))


def test_histograms_of_a_cluster_are_those_of_this_process(
    mnist: Dataset,
    bag: BagOfWords,
    cluster: distributed.LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = mnist.test.images[:1500]
    here = map_blocks(bag.vectors, images, "histograms")
    monkeypatch.setenv("VISBASE_SCHEDULER", cluster.scheduler_address)
    np.testing.assert_array_equal(map_blocks(bag.vectors, images, "histograms"), here)


def test_nothing_is_lost_when_a_worker_is_killed_in_the_middle(
    mnist: Dataset,
    bag: BagOfWords,
    cluster: distributed.LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = np.tile(mnist.test.images, (2, 1, 1))
    here = map_blocks(bag.vectors, images, "histograms")
    monkeypatch.setenv("VISBASE_SCHEDULER", cluster.scheduler_address)
    first = next(iter(cluster.workers.values()))
    killed = threading.Event()

    def kill() -> None:
        os.kill(first.pid, signal.SIGKILL)
        killed.set()

    timer = threading.Timer(0.5, kill)
    timer.start()
    there = map_blocks(bag.vectors, images, "histograms")
    assert killed.is_set(), "the work was over before the worker was killed"
    np.testing.assert_array_equal(there, here)


def refusal(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a run says about a scheduler it cannot use, in one line."""
    monkeypatch.setenv("VISBASE_SCHEDULER", "")  # what the command sets is undone
    monkeypatch.setattr("visbase.pipeline.images.cluster.PATIENCE_S", 1)
    command = ["run", "bovw_grid", "--preset", "quick", "--scheduler", address]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    (line,) = [one for one in done.output.splitlines() if "--scheduler" in one]
    assert address in line
    return line


def answering(content: bytes) -> tuple[socket.socket, str]:
    """A server that sends the content to whoever comes, and its address."""
    server = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve() -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                connection, _ = server.accept()
                connection.sendall(content)
                connections.append(connection)

    threading.Thread(target=serve, daemon=True).start()
    return server, f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1", "tcp://127.0.0.1:port", "127.0.0.1", "tcp://"]
)
def test_address_without_a_port_is_told_before_any_work(
    address: str, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "expected tcp://HOST:PORT" in refusal(address, monkeypatch)
    assert not list(fresh_folders.iterdir())


def test_address_where_nobody_listens_is_told(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no Dask scheduler" in refusal("tcp://127.0.0.1:1", monkeypatch)


@pytest.mark.parametrize("content", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_server_that_is_no_scheduler_is_told(
    content: bytes, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, address = answering(content)
    with server:
        assert "no Dask scheduler" in refusal(address, monkeypatch)


def test_scheduler_without_workers_is_told(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as idle:
        said = refusal(idle.scheduler_address, monkeypatch)
    assert "has no workers" in said
