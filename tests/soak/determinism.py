"""The same results with one job and two; what may differ with the number of threads."""

import os
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tests.soak.commands import read_run, run_arguments
from tests.soak.fault import Fault, make_digits, new_folder, run
from visbase.pipeline.evaluation import mcnemar_exact
from visbase.pipeline.models.methods import find_method

METHODS = ("linear", "svm_rbf", "bovw_pyramid", "lenet5")
MOST_CHANGED = 20  # of 10,000 predictions, with another number of threads
LOWEST_P = 0.001


def faults(short: bool) -> Iterator[Fault]:
    yield _jobs(short)
    for method in METHODS[:1] if short else METHODS:
        yield _threads(method)


def _jobs(short: bool) -> Fault:
    with new_folder() as folder:
        digits = make_digits(folder / "digits", short)
        results = []
        for n_jobs in ("1", "2"):
            home = folder / n_jobs
            arguments = run_arguments("bovw_pyramid", digits, home)
            variables = {"VISBASE_JOBS": n_jobs}
            run(arguments, home, variables=variables, must_succeed=True)
            results.append(read_run(home))
    outcome = "predictions, scores and model are the same to the byte"
    problems = [] if results[0] == results[1] else ["they differ"]
    return Fault("`bovw_pyramid` with 1 and 2 jobs", 2, outcome, problems)


def _threads(method: str) -> Fault:
    """Compare predictions of all test digits after fits with one and two threads.

    A network carries every rounding through all its steps and ends as another one; then
    both must have similar errors and differ less than with another seed.
    """
    (truth, single), (_, double) = _fit(method, 1), _fit(method, 2)
    changed = int((single != double).sum())
    outcome, problems = f"{changed} of 10,000 predictions differ", []
    if find_method(method).family == "network":
        other = int((single != _fit(method, 1, seed=1)[1]).sum())
        p = mcnemar_exact(truth, single, double)
        errors = " and ".join(str(int((truth != x).sum())) for x in (single, double))
        outcome += f", {other} with another seed"
        outcome += f"; {errors} test errors (McNemar p {p:.2g})"
        if p < LOWEST_P or changed > other:
            problems.append(outcome)
    elif changed > MOST_CHANGED:
        problems.append(f"{outcome}, expected at most {MOST_CHANGED}")
    name = f"`{method}` (quick) with 1 and 2 cores for the numerical libraries"
    return Fault(name, 2, outcome, problems)


def _fit(method: str, n_threads: int, seed: int = 0) -> NDArray[np.integer]:
    """Return the truth and the predictions (2, 10,000) of a quick run.

    Some of the libraries count the cores that they may use and read no variable.
    """
    cores = sorted(os.sched_getaffinity(0))[:n_threads]
    if len(cores) < n_threads:
        raise RuntimeError(f"{n_threads} cores are needed, there is {len(cores)}")
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    variables = dict.fromkeys(names, str(n_threads))
    command = ["run", method, "--preset", "quick", "--seed", str(seed)]
    limit = partial(os.sched_setaffinity, 0, cores)
    with new_folder() as folder:
        run(command, folder, variables=variables, preexec_fn=limit, must_succeed=True)
        (path,) = folder.rglob(f"seed{seed}.npy")
        return np.asarray(np.load(path))
