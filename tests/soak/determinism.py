"""The same with one thread and two; what may differ with the threads of the BLAS."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.soak.fault import Fault, command, make_digits, outcome_of, places, visbase

METHODS = ("linear", "svm_rbf", "bovw_pyramid", "lenet5")
MOST_CHANGED = 20  # of 10,000 predictions, under another number of threads


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
            "predictions, scores and model are the same, to the byte",
            [] if found[0] == found[1] else ["they differ"],
        )
    for method in METHODS[:1] if short else METHODS:
        yield _threads(method)


def _threads(method: str) -> Fault:
    """Predictions of all test digits after fits with one and with two threads."""
    answers, bad = [], []
    for threads in ("1", "2"):
        with tempfile.TemporaryDirectory() as folder:
            names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
            here = places(Path(folder), **dict.fromkeys(names, threads))
            done = visbase(["run", method, "--preset", "quick"], here)
            if done.returncode:
                bad.append(f"{method}, {threads} threads: {done.stderr[-300:]}")
                continue
            (path,) = Path(folder).rglob("seed0.npy")
            answers.append(np.load(path)[1])
    changed = int((answers[0] != answers[1]).sum()) if len(answers) == 2 else -1
    if changed > MOST_CHANGED:
        bad.append(f"{changed} predictions differ, expected at most {MOST_CHANGED}")
    return Fault(
        f"`{method}` (quick) fitted with 1 and 2 threads of the numerical libraries",
        2,
        f"{changed} of 10,000 predictions differ",
        bad,
    )
