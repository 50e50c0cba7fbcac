"""Kill runs at random moments, inside every stage, and before or after every write."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.soak.commands import MethodRun, method_runs
from tests.soak.fault import Fault, make_digits, new_folder
from tests.soak.kills_of_commands import (
    at_writes,
    count_moments,
    curve,
    download,
    dying,
    report,
)

N_RANDOM, N_SHORT_RANDOM = 10, 1  # trials of each run
TRIES = 10  # of each kill at random: a run may finish before
N_INSIDE = 4  # trials of each stage; the short form has one, of the first stage
FUNCTIONS = {  # run -> stage -> the function inside which it is killed
    "bovw_pyramid": {
        "vocabulary": "learn_vocabulary",
        "extraction": "DenseSift.extract",
        "projection": "fit_projection",
        "encoding": "BagOfWords.vectors",
        "SVM": "fit_svm",
        "record": "write_record",
        "saving the model": "save_model",
    },
    "lenet5": {
        "epoch": "train",
        "record": "write_record",
        "saving the model": "save_model",
    },
}
# what is on disk, the last stage first -> where the run was
STAGES = (
    ("model", "saving the model"),
    ("artifacts/results", "record"),
    ("artifacts/cache/svm-", "second machine or scores"),
    ("artifacts/cache/features-", "support vectors"),
    ("artifacts/cache/projection", "encoding"),
    ("artifacts/cache/vocabulary-", "projection"),
    ("artifacts/cache/network-", "an epoch"),
)
SAME = "a second run gives the same predictions, scores and model, to the byte"


def faults(short: bool) -> Iterator[Fault]:
    with new_folder() as folder:
        digits = make_digits(folder / "digits")
        for run in method_runs(digits, short=False):
            yield _at_random(run, N_SHORT_RANDOM if short else N_RANDOM)
            yield _inside(run, short)
            yield at_writes(run, SAME, short)
        yield curve(digits, short)
    yield report(short)
    yield download(short)


def _at_random(run: MethodRun, n: int) -> Fault:
    dice, seconds = random.Random(0), run.seconds
    stages, problems = Counter[str](), []
    for trial in range(TRIES * n):
        if stages.total() == n:
            break
        with new_folder() as home:
            started = time.perf_counter()
            process = run.start(home)
            try:
                # most of what comes before is imports
                process.wait(dice.uniform(0.3 * seconds, seconds))
                seconds = time.perf_counter() - started  # its present speed
            except subprocess.TimeoutExpired:
                process.kill()
            status = process.wait()
            if status == -signal.SIGKILL:
                stages[_stage(home)] += 1
                problems += run.rerun(f"trial {trial}", home)
            elif status:
                problems.append(f"{run.name}, trial {trial}: it failed by itself")
    if stages.total() < n:
        killed = f"{stages.total()} of {TRIES * n} runs"
        problems.append(f"{run.name}: only {killed} were killed in time")
    where = ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
    name = f"SIGKILL at a random moment of `{run.name}`: {where}"
    return Fault(name, stages.total(), SAME, problems)


def _inside(run: MethodRun, short: bool) -> Fault:
    """Kill at random calls inside each stage; an undisturbed run counts the calls."""
    dice, problems, counts = random.Random(0), [], Counter[str]()
    for stage, function in list(FUNCTIONS[run.name].items())[: 1 if short else None]:
        moment = f"during:{function}"
        with new_folder() as folder:
            n_calls = count_moments(run, moment, folder)
        for _ in range(1 if short else N_INSIDE):
            with new_folder() as home:
                nth = dice.randint(1, n_calls)
                status = run.run(home, dying(moment, nth)).returncode
                trial = f"{stage}, call {nth} of {n_calls}"
                counts[stage] += status == -signal.SIGKILL
                if status not in (0, -signal.SIGKILL):
                    problems.append(f"{run.name}, {trial}: status {status}")
                problems += run.rerun(trial, home)
    problems += [
        f"{run.name}: no kill in {s}" for s, count in counts.items() if not count
    ]
    where = ", ".join(f"{stage} {count}" for stage, count in counts.items())
    name = f"SIGKILL at a random call inside each stage of `{run.name}`: {where}"
    return Fault(name, counts.total(), SAME, problems)


def _stage(home: Path) -> str:
    for place, stage in STAGES:
        path = home / place
        if any(path.parent.glob(f"{path.name}*")):
            return stage
    return "before its first file"
