"""What methods cost: each fitted and timed alone, all in one go.

A method's run is a process of its own with nothing cached; the system tells its
processor seconds (a proxy of its energy) and its peak memory. The model that it saved,
under artifacts/models, is opened by another process, which predicts images one by one
and in a batch.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import (
    BATCH,
    COST,
    is_committed,
    read_measurements,
)
from visbase.pipeline.experiments.records import read_record
from visbase.pipeline.experiments.run import OWN_PROGRAM
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.storage import artifacts, measured
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import write_rows

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # of prctl(2)
MODULE = "visbase.pipeline.experiments.cost"  # this one, as a process
ONES, BATCHES = 200, 5  # how many are timed


def measure_cost(names: Sequence[str], dataset: str) -> Iterator[str]:
    """Fit and time each method; yields a line a method.

    The models stay in artifacts/models/<dataset>, for `measure_corruption`.
    The table is cost/<dataset>.csv beside the records, under artifacts where the code
    is not committed. A method's line replaces its earlier one, the others stay. Raises
    subprocess.CalledProcessError where a process failed, which has said why unless it
    was killed.
    """
    committed = is_committed(provenance.revision())
    root = measured("cost") if committed else artifacts() / "cost"
    for name in names:  # told before any work
        find_method(name)
    load_dataset(dataset)
    table = root / f"{dataset}.csv"
    read_measurements(table, COST)
    for name in names:
        row = _measure(name, dataset)
        with locked(table.parent):
            rows = read_measurements(table, COST)
            others = [other for other in rows if other["method"] != name]
            write_rows(table, COST, [*others, row])
        yield (
            f"{name}: fit {row['fit_s']} s, {row['cpu_s']} processor seconds, "
            f"{row['one_us']} µs an image alone, {row['batch_us']} in batches"
        )
    yield f"{len(names)} methods in {table}"


def _measure(name: str, dataset: str) -> dict[str, str]:
    model = artifacts().absolute() / "models" / dataset / name
    with _empty_folder() as folder:
        environment = os.environ | {
            "VISBASE_ARTIFACTS": str(folder),
            "VISBASE_RESULTS": str(folder / "results"),
        }
        if (artifacts() / "data" / dataset).is_dir():  # what was downloaded before
            environment["VISBASE_DATA"] = str(artifacts() / "data")
        run = ("run", name, "--dataset", dataset, "--save", str(model))
        process = subprocess.Popen(
            [*OWN_PROGRAM, *run],
            env=environment,
            stdout=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # such as Ctrl-C
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, name)
        done = subprocess.run(
            [sys.executable, "-P", "-m", MODULE, str(model), dataset],
            env=environment,
            stdout=subprocess.PIPE,
            preexec_fn=_end_with_parent,
            check=False,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, name)
        latency = json.loads(done.stdout)
        record = read_record(next(folder.rglob("seed0.json")))
        size = model.stat().st_size
    assert record.n_correct is not None
    return {
        "method": name,
        "family": record.family,
        "n_errors": str(record.n_test - record.n_correct),
        "n_test": str(record.n_test),
        "fit_s": f"{record.fit_s:.1f}",
        "cpu_s": f"{usage.ru_utime + usage.ru_stime:.1f}",
        "one_us": f"{latency['one_us']:.1f}",
        "batch_us": f"{latency['batch_us']:.3f}",
        "model_bytes": str(size),
        "peak_rss_mb": f"{record.peak_rss_mb:.0f}",
        "n_parameters": str(record.n_parameters),
        "cpu": record.cpu,
        "n_cores": str(record.n_cores),
        "commit": (record.commit or "")[:10] + "+" * bool(record.dirty),
    }


@contextmanager
def _empty_folder() -> Iterator[Path]:
    """Where a run keeps its files; what a killed measurement left there is removed.

    There is one, so that whoever measures costs at the same time waits.
    """
    folder = artifacts().absolute() / "scratch" / "cost"
    with locked(folder.parent):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _end_with_parent() -> None:
    """Have the system kill this process when the one that started it ends (Linux)."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def latency(model: Path, dataset: str) -> dict[str, float]:
    """Microseconds an image, alone and in a batch of BATCH, of a saved model."""
    from visbase.pipeline.models.file import load_model

    classifier = load_model(model).classifier
    images = np.asarray(load_dataset(dataset).test.images)
    ones, batches = [], []
    for image in images[: ONES + 20]:
        started = time.perf_counter()
        classifier.predict(image[None])
        ones.append(time.perf_counter() - started)
    for first in range(0, (BATCHES + 1) * BATCH, BATCH):
        batch = images[first : first + BATCH]  # never the same: features are kept
        started = time.perf_counter()
        classifier.predict(batch)
        batches.append((time.perf_counter() - started) / len(batch))
    return {  # the first are warming up
        "one_us": 1e6 * float(np.median(ones[20:])),
        "batch_us": 1e6 * float(np.median(batches[1:])),
    }


if __name__ == "__main__":
    print(json.dumps(latency(Path(sys.argv[1]), sys.argv[2])))
