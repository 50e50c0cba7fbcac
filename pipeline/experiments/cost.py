"""What methods cost: each is refitted and timed in its own process.

Nothing is cached in that process; the system reports its processor seconds (a proxy for
energy) and its peak memory. Another process opens the model that it saved, under
artifacts/models, and predicts images one at a time and in batches.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from visbase.pipeline.contracts import Method
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import (
    BATCH,
    Cost,
    is_committed,
    read_measurements,
)
from visbase.pipeline.experiments.records import Record, read_record
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.storage import artifacts, measured
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import write_rows

# this file, as a process; -P keeps modules of the working folder out of it
OWN_MODULE = (sys.executable, "-P", "-m", "visbase.pipeline.experiments.cost")
N_SINGLE, N_BATCHES = 200, 5  # timed


def measure_cost(names: Sequence[str], dataset: str) -> Iterator[str]:
    """Fit and time each method; yield a line per method.

    The models stay in artifacts/models/<dataset>, for `measure_corruption`. The table
    is cost/<dataset>.csv beside the records; under artifacts if the code is not
    committed. A method's row replaces its earlier one. Raises
    subprocess.CalledProcessError if a process fails; unless it was killed, it has said
    why.
    """
    committed = is_committed(provenance.revision())
    root = measured("cost") if committed else artifacts() / "cost"
    for name in names:  # refuse a wrong name before any work
        find_method(name)
    load_dataset(dataset)
    table = root / f"{dataset}.csv"
    read_measurements(table, Cost)
    for name in names:
        row = _measure(name, dataset)
        with locked(table.parent):
            rows = read_measurements(table, Cost)
            others = [other for other in rows if other.method != name]
            write_rows(table, Cost, [*others, row])
        yield (
            f"{name}: fit {row.fit_s} s, {row.cpu_s} processor seconds, {row.one_us} "
            f"µs per image one at a time, {row.batch_us} in batches"
        )
    yield f"the costs are in {table}"


def _measure(name: str, dataset: str) -> Cost:
    model = artifacts().absolute() / "models" / dataset / name
    with _empty_folder() as folder:
        environment = os.environ | {
            "VISBASE_ARTIFACTS": str(folder),
            "VISBASE_RESULTS": str(folder / "results"),
        }
        if (artifacts() / "data" / dataset).is_dir():  # what was downloaded before
            environment["VISBASE_DATA"] = str(artifacts() / "data")
        process = subprocess.Popen(
            [*OWN_MODULE, "fit", str(model), dataset, name],
            env=environment,
            stdout=subprocess.DEVNULL,
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
            [*OWN_MODULE, "predict", str(model), dataset],
            env=environment,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, name)
        latency = json.loads(done.stdout)
        record = read_record(next(folder.rglob("seed0*.json")))
        size = model.stat().st_size
    assert record.n_correct is not None
    assert record.fit_s is not None and record.n_parameters is not None
    return Cost(
        method=name,
        family=record.family,
        n_errors=record.n_test - record.n_correct,
        n_test=record.n_test,
        fit_s=round(record.fit_s, 1),
        cpu_s=round(usage.ru_utime + usage.ru_stime, 1),
        one_us=round(latency["one_us"], 1),
        batch_us=round(latency["batch_us"], 3),
        model_bytes=size,
        peak_rss_mb=round(record.peak_rss_mb),
        n_parameters=record.n_parameters,
        cpu=record.cpu,
        n_cores=record.n_cores,
        commit=(record.commit or "")[:10] + "+" * bool(record.dirty),
    )


@contextmanager
def _empty_folder() -> Iterator[Path]:
    """The folder of a run's files; the leftovers of a killed measurement are removed.

    There is only one, so that two processes never measure costs at the same time.
    """
    folder = artifacts().absolute() / "scratch" / "cost"
    with locked(folder.parent):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def latency(model: Path, dataset: str) -> dict[str, float]:
    """Microseconds per image of a saved model, one at a time and in batches."""
    from visbase.pipeline.models.file import load_model

    classifier = load_model(model).classifier
    images = np.asarray(load_dataset(dataset).test.images)
    singles, batches = [], []
    for image in images[: N_SINGLE + 20]:
        started = time.perf_counter()
        classifier.predict(image[None])
        singles.append(time.perf_counter() - started)
    for first in range(0, (N_BATCHES + 1) * BATCH, BATCH):
        batch = images[first : first + BATCH]  # new images: features are cached
        started = time.perf_counter()
        classifier.predict(batch)
        batches.append((time.perf_counter() - started) / len(batch))
    return {  # the first warm up
        "one_us": 1e6 * float(np.median(singles[20:])),
        "batch_us": 1e6 * float(np.median(batches[1:])),
    }


def fit(model: Path, dataset: str, name: str) -> None:
    """Run a method and save its model, without what is learned for `predict` alone."""
    from msgspec.structs import asdict

    from visbase.pipeline.contracts import takes_any_size
    from visbase.pipeline.experiments.run import run_method
    from visbase.pipeline.models.card import make_card
    from visbase.pipeline.models.file import check_place, save_model

    method, data = find_method(name), load_dataset(dataset)
    check_place(model)

    def save(fitted: Method, record: Record, train: Split) -> None:
        any_size = takes_any_size(fitted)
        save_model(model, fitted, make_card(asdict(record), train, data, any_size, ""))

    config = method.configure("full", (), data.kind, data.published_name)
    run_method(method, config, "full", 0, data, save)


if __name__ == "__main__":
    task, path, *arguments = sys.argv[1:]
    try:
        if task == "fit":
            fit(Path(path), *arguments)
        else:
            print(json.dumps(latency(Path(path), *arguments)))
    except BadInput as reason:
        sys.exit(f"visbase: {reason}")
