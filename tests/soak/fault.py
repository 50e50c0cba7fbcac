"""One kind of fault, and the runs that the faults happen to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.storage import ROOT

EARLIER = {
    "bovw_pyramid": ("--set", "n_words=20"),
    "lenet5": ("--set", "epochs=2"),
}
N_TRAIN, N_TEST = 1200, 300
# small runs that pass through every stage, on a folder of digits
RUNS = {
    "bovw_pyramid": ("--set", "n_words=60", "--set", "copies=1"),
    "lenet5": ("--set", "epochs=8"),
}


@dataclass(frozen=True)
class Fault:
    """A row of the table; bad: what went wrong, a line each, nothing if all is well."""

    name: str
    trials: int
    outcome: str
    bad: list[str] = field(default_factory=list)


def make_digits(folder: Path) -> Path:
    """MNIST digits as a folder of images with train and test, the same every time."""
    mnist = load_dataset("mnist")
    for name, split, n in (
        ("train", mnist.train, N_TRAIN),
        ("test", mnist.test, N_TEST),
    ):
        for i in range(n):
            place = folder / name / str(split.labels[i])
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(split.images[i])).save(place / f"{i:05}.png")
    return folder


def command(method: str, digits: Path, home: Path) -> list[str]:
    """The run of a method on the digits that saves its model as well."""
    return [
        *("run", method, "--preset", "quick", *RUNS[method]),
        *("--dataset", f"folder:{digits}", "--save", str(home / "model")),
    ]


def places(home: Path, **more: str) -> dict[str, str]:
    """Environment of a run whose files all go under `home`."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "VISBASE_ARTIFACTS": str(home / "artifacts"),
        "VISBASE_RESULTS": str(home / "results"),
        **more,
    }


def visbase(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    module: Sequence[str] = ("visbase",),
    **how: Any,
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", *module, *arguments],
        env=dict(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=600,
        **how,
    )


def outcome_of(home: Path) -> dict[str, bytes]:
    """Predictions, scores and the model's arrays of a run, as bytes by name."""
    found = {
        path.name: path.read_bytes()
        for path in (home / "artifacts" / "results").rglob("*.npy")
    }
    for name, array in load_file(home / "model").items():
        found[f"model {name}"] = array.tobytes()
    return found


def make_earlier(method: str, digits: Path, folder: Path) -> Path:
    """Results of a shorter run of the same name, to lie where another run writes."""
    done = visbase([*command(method, digits, folder), *EARLIER[method]], places(folder))
    if done.returncode:
        raise RuntimeError(done.stderr)
    return folder / "artifacts" / "results"


def record_of(results: Path) -> dict[str, bytes]:
    """Every finished file of a folder of results, by name."""
    paths = (path for path in results.rglob("seed*") if path.suffix != ".part")
    return {path.name: path.read_bytes() for path in paths}


def torn(home: Path, earlier: Path, golden: dict[str, bytes]) -> bool:
    """Whether a stopped run left neither the earlier record nor its own, whole.

    Between the two there may be arrays without facts, which count as no record.
    """
    found, before = record_of(home / "artifacts" / "results"), record_of(earlier)
    if found == before or "seed0.json" not in found:
        return False
    own = {k: v for k, v in golden.items() if k.endswith(".npy")}
    arrays = {k: v for k, v in found.items() if k.endswith(".npy")}
    return arrays != own or found["seed0.json"] == before["seed0.json"]


def leftovers(home: Path) -> list[str]:
    """Temporary files that nobody will ever remove."""
    return [str(path) for path in home.rglob("*.part")]


def told_in_one_line(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a failed run says why in its last line, without a traceback.

    A list of files may follow, a line each.
    """
    lines = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
    last = lines[-1] if lines else ""
    return last.startswith("visbase: ") and "Traceback" not in done.stderr
