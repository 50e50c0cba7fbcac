"""The same with one thread and two; what may differ with the threads of the BLAS."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.soak.fault import Fault, command, make_digits, outcome_of, places, visbase
from visbase.pipeline.evaluation import mcnemar_exact
from visbase.pipeline.models.methods import find_method

METHODS = ("linear", "svm_rbf", "bovw_pyramid", "lenet5")
MOST_CHANGED = 20  # of 10,000 predictions, under another number of threads
SURE = 0.001


def faults(short: bool) -> Iterator[Fault]:
    with tempfile.TemporaryDirectory() as folder:
        digits = make_digits(Path(folder) / "digits")
        found = []
        for jobs in ("1", "2"):
            home = Path(folder) / jobs
            visbase(
                command("bovw_pyramid", digits, home), places(home, VISBASE_JOBS=jobs)
            )
            found.append(outcome_of(home))
        yield Fault(
            "`bovw_pyramid` with 1 and 2 jobs",
            2,
            "predictions, scores and model are the same to the byte",
            [] if found[0] == found[1] else ["they differ"],
        )
    for method in METHODS[:1] if short else METHODS:
        yield _threads(method)


def _threads(method: str) -> Fault:
    """Predictions of all test digits after fits with one and with two threads.

    A network carries every rounding through all its steps and ends as another one; then
    the two must err alike, and the changes are held against those of another seed.
    """
    one, two = _fit(method, threads=1), _fit(method, threads=2)
    changed = int((one[1] != two[1]).sum())
    outcome, bad = f"{changed} of 10,000 predictions differ", []
    if find_method(method).family == "network":
        other = int((one[1] != _fit(method, threads=1, seed=1)[1]).sum())
        p = mcnemar_exact(one[0], one[1], two[1])
        errors = " and ".join(str(int((run[0] != run[1]).sum())) for run in (one, two))
        outcome += (
            f", {other} with another seed; {errors} test errors (McNemar p {p:.2g})"
        )
        if p < SURE:
            bad.append(f"{changed} predictions differ and errors too, p {p:.2g}")
        if changed > other:
            bad.append(f"{changed} predictions differ, with another seed {other}")
    elif changed > MOST_CHANGED:
        bad.append(f"{changed} predictions differ, expected at most {MOST_CHANGED}")
    return Fault(
        f"`{method}` (quick) with 1 and 2 cores for the numerical libraries",
        2,
        outcome,
        bad,
    )


def _fit(method: str, threads: int, seed: int = 0) -> NDArray[np.integer]:
    """Truth and predictions (2, 10,000) of a quick run.

    Some of the libraries count the cores that they may use, not a variable.
    """
    cores = sorted(os.sched_getaffinity(0))[:threads]
    if len(cores) < threads:
        raise RuntimeError(f"{threads} cores are needed, there is {len(cores)}")
    with tempfile.TemporaryDirectory() as folder:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        here = places(Path(folder), **dict.fromkeys(names, str(threads)))
        arguments = ["run", method, "--preset", "quick", "--seed", str(seed)]
        done = visbase(
            arguments, here, preexec_fn=lambda: os.sched_setaffinity(0, cores)
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        (path,) = Path(folder).rglob(f"seed{seed}.npy")
        return np.asarray(np.load(path))
