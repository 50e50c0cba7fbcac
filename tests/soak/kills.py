"""Kill runs at random moments, inside every stage, and before or after every write."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.soak.fault import (
    RUNS,
    Fault,
    command,
    leftovers,
    make_digits,
    make_earlier,
    outcome_of,
    places,
    torn,
    visbase,
)
from tests.soak.kills_of_commands import curve, download, report
from visbase.pipeline.storage import ROOT

RANDOM, SHORT_RANDOM = 10, 1  # trials of each run
TRIES = 10  # of each kill at random: a run may be done before
INSIDE = 4  # trials of each stage; the short form has one, of the first stage
INSIDES = {  # run -> stage -> the function whose inside it is
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


def faults(short: bool) -> Iterator[Fault]:
    with tempfile.TemporaryDirectory() as folder:
        digits = make_digits(Path(folder) / "digits")
        for method in RUNS:
            home = Path(folder) / f"undisturbed {method}"
            arguments = command(method, digits, home)
            started = time.perf_counter()
            done = visbase(arguments, places(home))
            seconds = time.perf_counter() - started
            if done.returncode:
                yield Fault(f"{method} undisturbed", 1, "failed", [done.stderr[-300:]])
                continue
            golden = outcome_of(home)
            n = SHORT_RANDOM if short else RANDOM
            yield _at_random(method, digits, golden, seconds, n)
            yield _inside(method, digits, golden, short)
            earlier = make_earlier(method, digits, Path(folder) / f"earlier {method}")
            yield _at_writes(method, digits, earlier, golden, short)
        yield curve(digits, short)
    yield report(short)
    yield download(short)


def _at_random(
    method: str, digits: Path, golden: dict[str, bytes], seconds: float, n: int
) -> Fault:
    dice = random.Random(0)
    stages: Counter[str] = Counter()
    bad = []
    landed = 0
    for trial in range(TRIES * n):
        if landed == n:
            break
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            arguments = command(method, digits, home)
            process = subprocess.Popen(
                [sys.executable, "-m", "visbase", *arguments],
                env=places(home),
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started = time.perf_counter()
            try:
                # most of what comes before is imports
                process.wait(dice.uniform(0.3 * seconds, seconds))
                seconds = time.perf_counter() - started  # as fast as it is by now
                if process.returncode:
                    bad.append(f"{method}, trial {trial}: it failed by itself")
                continue
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            if process.wait() == 0:
                continue  # it was done just before
            landed += 1
            stages[_stage(home)] += 1
            bad += _rerun(f"{method}, trial {trial}", arguments, home, golden)
    where = ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
    if landed < n:
        bad.append(f"{method}: only {landed} of {TRIES * n} runs were killed in time")
    name = f"SIGKILL at a random moment of `{method}`: {where}"
    return Fault(name, landed, SAME, bad)


def _inside(method: str, digits: Path, golden: dict[str, bytes], short: bool) -> Fault:
    """At random calls inside each stage, of as many as an undisturbed run makes."""
    dice, bad, counts = random.Random(0), [], Counter[str]()
    stages = list(INSIDES[method].items())[: 1 if short else None]
    for stage, function in stages:
        moment = ("tests.soak.die", f"during:{function}")
        with tempfile.TemporaryDirectory() as folder:
            arguments = command(method, digits, Path(folder))
            done = visbase(arguments, places(Path(folder)), (*moment, "0"))
            n_events = int(done.stdout.split()[-1])
        for _ in range(1 if short else INSIDE):
            with tempfile.TemporaryDirectory() as folder:
                home, nth = Path(folder), dice.randint(1, n_events)
                arguments = command(method, digits, home)
                done = visbase(arguments, places(home), (*moment, str(nth)))
                what = f"{method}, {stage}, call {nth} of {n_events}"
                counts[stage] += done.returncode == -signal.SIGKILL
                if done.returncode not in (0, -signal.SIGKILL):
                    bad.append(f"{what}: status {done.returncode}")
                bad += _rerun(what, arguments, home, golden)
    bad += [f"{method}: no kill in {stage}" for stage, _ in stages if not counts[stage]]
    where = ", ".join(f"{stage} {count}" for stage, count in counts.items())
    name = f"SIGKILL at a random call inside each stage of `{method}`: {where}"
    return Fault(name, counts.total(), SAME, bad)


SAME = "a second run gives the same predictions, scores and model, to the byte"


def _at_writes(
    method: str, digits: Path, earlier: Path, golden: dict[str, bytes], short: bool
) -> Fault:
    """Before and after each file takes its place, until a run writes no more files.

    Another run's record lies where this one's belongs.
    """
    bad, trials = [], 0
    for moment in ("before", "after"):
        for nth in range(1, 100):
            if short and nth > 1:
                break
            with tempfile.TemporaryDirectory() as folder:
                home = Path(folder)
                shutil.copytree(earlier, home / "artifacts" / "results")
                arguments = command(method, digits, home)
                die = ("tests.soak.die", moment, str(nth))
                done = visbase(arguments, places(home), die)
                if done.returncode == 0:
                    break
                trials += 1
                what = f"{method}, {moment} write {nth}"
                if done.returncode != -signal.SIGKILL:
                    bad.append(f"{what}: status {done.returncode}")
                if torn(home, earlier, golden):
                    bad.append(f"{what}: a record of two runs")
                bad += _rerun(what, arguments, home, golden)
    return Fault(
        f"SIGKILL before or after every write of `{method}`", trials, SAME, bad
    )


def _rerun(
    what: str, arguments: list[str], home: Path, golden: dict[str, bytes]
) -> list[str]:
    done = visbase(arguments, places(home))
    if done.returncode:
        return [f"{what}: the second run failed: {done.stderr[-300:]}"]
    bad = [] if outcome_of(home) == golden else [f"{what}: other results"]
    return bad + [f"{what}: {path} was left" for path in leftovers(home)]


def _stage(home: Path) -> str:
    for place, stage in STAGES:
        where = home / place
        if where.exists() or list(where.parent.glob(f"{where.name}*")):
            return stage
    return "before its first file"
