"""Numbers that must not be believed are noticed."""

import json
import shutil
from collections.abc import Iterator

import msgspec
import numpy as np

from tests.soak.fault import Fault, make_digits, new_folder, refusal_problems, run
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.experiments.records import read_record, record_path, write_record
from visbase.pipeline.models.methods import find_method, find_methods
from visbase.pipeline.storage import results

CHANCE = 90.0  # percent of errors, ten classes of about the same size
N_SHUFFLES = 10


def faults(short: bool) -> Iterator[Fault]:
    for name in ("linear", "svm_rbf", "bovw_grid")[: 1 if short else None]:
        yield _shuffled(name)
    yield _copied(short)
    yield _too_good()
    yield _no_evidence()


def _shuffled(name: str) -> Fault:
    """Fit on labels in random order: nothing is left to learn.

    A class's images look alike and get one answer, right or wrong together: a single
    shuffle may be far from chance, their mean is not.
    """
    mnist = load_dataset("mnist")
    method = find_method(name)
    images, errors = np.asarray(mnist.train.images[:1000]), []
    for seed in range(N_SHUFFLES):
        labels = np.random.default_rng(seed).permutation(mnist.train.labels[:1000])
        model = method.build(method.configure("quick", []), 0)
        model.fit(images, labels)
        wrong = model.predict(mnist.test.images[:2000]) != mnist.test.labels[:2000]
        errors.append(100 * float(wrong.mean()))
    mean, margin = np.mean(errors), 4 * np.std(errors, ddof=1) / len(errors) ** 0.5
    outcome = f"error {mean:.1f} % on average, as by chance"
    problems = [] if abs(mean - CHANCE) < margin else [f"error {mean:.1f} %"]
    return Fault(f"training labels of `{name}` shuffled", N_SHUFFLES, outcome, problems)


def _copied(short: bool) -> Fault:
    with new_folder() as folder:
        digits = make_digits(folder / "digits", short)
        image = next((digits / "test" / "3").iterdir())
        shutil.copy(image, digits / "train" / "3" / "copied.png")
        done = run(["check", str(digits), "--json"], folder / "home")
    pair = {"train/3/copied.png", f"test/3/{image.name}"}
    groups = [set(group["names"]) for group in json.loads(done.stdout)["copies"]]
    problems = [] if any(pair <= group for group in groups) else ["it does not"]
    return Fault("a test image copied into training", 1, "`check` names both", problems)


def _too_good() -> Fault:
    """Forge quick runs without a single error, which the gate must reject."""
    truth = np.asarray(load_dataset("mnist").test.labels)
    source = read_record(record_path(results(), "mnist", "majority", 0))
    with new_folder() as folder:
        quick = folder / "artifacts" / "results" / "quick"
        for name, method in find_methods().items():
            changes = {"method": name, "family": method.family, "preset": "quick"}
            forged = msgspec.structs.replace(source, **changes, n_correct=len(truth))
            write_record(quick, forged, truth, truth)
        done = run([], folder, (".ci/gate.py",))
    n_rows = done.stdout.count("gate ")
    rejected = done.stdout.count("OUTSIDE THE GATE") == n_rows > 0 and done.returncode
    problems = [] if rejected else [done.stdout[-300:] + done.stderr]
    outcome = "`.ci/gate.py` rejects every one as too good"
    return Fault("runs without a single test error", n_rows, outcome, problems)


def _no_evidence() -> Fault:
    """Put records of quick runs and of uncommitted code among those of the table."""
    problems = []
    for name, value in (("preset", "quick"), ("dirty", True)):
        with new_folder() as home:
            shutil.copytree(results(), home / "results")
            path = record_path(home / "results", "mnist", "linear", 0)
            path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
            done = run(["report", "--out", str(home / "out")], home)
            problems += refusal_problems(name, done)
    outcome = "the report refuses them in one error line"
    return Fault("records of quick or uncommitted runs", 2, outcome, problems)
