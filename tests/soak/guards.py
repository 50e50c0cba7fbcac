"""Numbers that must not be believed are noticed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from tests.soak.fault import (
    Fault,
    command,
    make_digits,
    places,
    told_in_one_line,
    visbase,
)
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.experiments.records import read_record, record_path, write_record
from visbase.pipeline.models.methods import find_method, find_methods
from visbase.pipeline.storage import results

CHANCE = 90.0  # percent of errors, ten classes of about the same size
SHUFFLES = 10


def faults(short: bool) -> Iterator[Fault]:
    for name in ("linear",) if short else ("linear", "svm_rbf", "bovw_grid"):
        yield _shuffled(name)
    yield _copied()
    yield _too_good()
    yield _no_evidence()


def _shuffled(name: str) -> Fault:
    """Labels in random order: nothing is left to learn.

    A class's images look alike and get one answer, right or wrong together: a single
    shuffle may be far from chance, their mean is not.
    """
    mnist = load_dataset("mnist")
    method = find_method(name)
    images = np.asarray(mnist.train.images[:1000])
    errors = []
    for seed in range(SHUFFLES):
        labels = np.random.default_rng(seed).permutation(mnist.train.labels[:1000])
        model = method.build(method.configure("quick", []), 0)
        model.fit(images, labels)
        wrong = model.predict(mnist.test.images[:2000]) != mnist.test.labels[:2000]
        errors.append(100 * float(wrong.mean()))
    mean, sure = np.mean(errors), 4 * np.std(errors, ddof=1) / len(errors) ** 0.5
    bad = [] if abs(mean - CHANCE) < sure else [f"error {mean:.1f} %, not {CHANCE:.0f}"]
    outcome = f"error {mean:.1f} % on average, as by chance"
    return Fault(f"training labels of `{name}` shuffled", SHUFFLES, outcome, bad)


def _copied() -> Fault:
    """A test image among the training images of a folder."""
    with tempfile.TemporaryDirectory() as folder:
        digits = make_digits(Path(folder) / "digits")
        image = next((digits / "test" / "3").iterdir())
        shutil.copy(image, digits / "train" / "3" / "copied.png")
        home = Path(folder) / "home"
        done = visbase(command("bovw_pyramid", digits, home), places(home))
        told = "1 of 300 test images are also training images" in done.stderr
    outcome = "the run reports it"
    return Fault(
        "a test image copied into training", 1, outcome, [] if told else ["no"]
    )


def _too_good() -> Fault:
    """Quick runs without a single error: the gate has a second side."""
    truth = np.asarray(load_dataset("mnist").test.labels)
    source = read_record(record_path(results(), "mnist", "majority", 0))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        quick = home / "artifacts" / "results" / "quick"
        for name, method in find_methods().items():
            forged = msgspec.structs.replace(
                source,
                method=name,
                family=method.family,
                preset="quick",
                n_correct=len(truth),
            )
            write_record(quick, forged, truth, truth)
        done = visbase([], places(home), ("tests.soak.gate",))
    n = done.stdout.count("OUTSIDE THE GATE")
    rows = done.stdout.count("gate ")
    bad = (
        [] if n == rows > 0 and done.returncode else [done.stdout[-300:] + done.stderr]
    )
    return Fault(
        "runs without a single test error",
        rows,
        "the gate rejects every one as too good",
        bad,
    )


def _no_evidence() -> Fault:
    """Records of quick runs and of uncommitted code among those of the table."""
    bad = []
    changes = {"preset": "quick", "dirty": True}
    for name, value in changes.items():
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            shutil.copytree(results(), home / "results")
            path = record_path(home / "results", "mnist", "linear", 0)
            path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
            done = visbase(["report", "--out", str(home / "out")], places(home))
            if done.returncode != 2 or not told_in_one_line(done):
                bad.append(f"{name}: status {done.returncode}, {done.stderr[-200:]}")
    outcome = "the report refuses them in one error line"
    return Fault("records of quick or uncommitted runs", len(changes), outcome, bad)
