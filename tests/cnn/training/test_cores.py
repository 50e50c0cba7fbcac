"""Threads of PyTorch: each on its core while it computes, all others free."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="one core, or a system that does not say which",
)

SCRIPT = """
import os
from concurrent.futures import ThreadPoolExecutor
from visbase.pipeline.models.methods import find_methods

find_methods()["lenet5"].load()
import torch
from visbase.cnn.training.cores import each_on_its_core, on_any_core

def threads():
    return [sorted(os.sched_getaffinity(int(t))) for t in os.listdir("/proc/self/task")]

first = threads()
torch.ones(1000, 1000).exp_()
with each_on_its_core(torch.device("cpu")):
    computing = threads()
    with ThreadPoolExecutor(1, initializer=on_any_core) as pool:
        loader = pool.submit(os.sched_getaffinity, 0).result()
with each_on_its_core(torch.device("meta")):
    elsewhere = os.sched_getaffinity(0)
after = os.sched_getaffinity(0), os.environ.get("OMP_PLACES")
print((first, computing, loader, elsewhere, *after))
"""


def _run(**settings: str) -> tuple[Any, ...]:
    others = ("OMP_", "GOMP_", "MKL_")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    command = [sys.executable, "-c", SCRIPT]
    output = subprocess.check_output(command, env=clean | settings, text=True)
    return ast.literal_eval(output)


def test_while_a_network_computes_each_thread_has_a_core_of_its_own() -> None:
    cores = os.sched_getaffinity(0)
    first, computing, loader, elsewhere, after, variable = _run()
    assert all(set(each) == cores for each in first), "the import frees every thread"
    bound = [tuple(each) for each in computing if set(each) != cores]  # not NumPy's
    assert len(bound) > 1
    assert len(set(bound)) == len(bound), "no core has two threads"
    assert loader == elsewhere == after == cores
    assert variable is None, "other libraries and other programs do not see the setting"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_a_users_own_number_of_threads_leaves_them_free(name: str) -> None:
    cores = os.sched_getaffinity(0)
    _, computing, *others, _ = _run(**{name: "1"})
    assert all(set(each) == cores for each in computing)
    assert others == [cores] * 3
