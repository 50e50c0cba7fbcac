"""Blocks of images on a Dask cluster: the same to the bit, nothing lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.bag_of_words import BagOfWords, Encoding, learn_vocabularies
from pipeline.cli import main
from pipeline.data import Dataset
from pipeline.dense_sift import DenseSift
from pipeline.parallel import map_blocks

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
    return BagOfWords(GRIDS, words, Encoding((1, 2), n_nearest=3))


def test_histograms_of_a_cluster_are_those_of_this_process(
    mnist: Dataset,
    bag: BagOfWords,
    cluster: distributed.LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = mnist.test.images[:1500]
    here = map_blocks(bag.histograms, images, "histograms")
    monkeypatch.setenv("VISBASE_SCHEDULER", cluster.scheduler_address)
    np.testing.assert_array_equal(
        map_blocks(bag.histograms, images, "histograms"), here
    )


def test_nothing_is_lost_when_a_worker_is_killed_in_the_middle(
    mnist: Dataset,
    bag: BagOfWords,
    cluster: distributed.LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = np.tile(mnist.test.images, (2, 1, 1))
    here = map_blocks(bag.histograms, images, "histograms")
    monkeypatch.setenv("VISBASE_SCHEDULER", cluster.scheduler_address)
    first = next(iter(cluster.workers.values()))
    killed = threading.Event()

    def kill() -> None:
        os.kill(first.pid, signal.SIGKILL)
        killed.set()

    timer = threading.Timer(0.5, kill)
    timer.start()
    there = map_blocks(bag.histograms, images, "histograms")
    assert killed.is_set(), "the work was over before the worker was killed"
    np.testing.assert_array_equal(there, here)


def test_address_without_a_scheduler_is_one_clear_line(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISBASE_SCHEDULER", "")  # what the command sets is undone
    done = CliRunner().invoke(
        main,
        ["run", "bovw_grid", "--preset", "quick", "--scheduler", "tcp://127.0.0.1:1"],
    )
    assert done.exit_code == 2
    assert "--scheduler tcp://127.0.0.1:1: no Dask scheduler" in done.output
