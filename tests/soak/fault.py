"""A row of the table of reliability, and the processes that are tried."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.storage import ROOT

VISBASE = ("-m", "visbase")
Ended = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Fault:
    """A row of the table; `problems` has a line for each thing that went wrong."""

    name: str
    trials: int
    outcome: str
    problems: list[str] = field(default_factory=list)


@contextmanager
def new_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def make_digits(folder: Path, short: bool) -> Path:
    """Write MNIST digits as images in train and test, the same every time."""
    mnist, n_test = load_dataset("mnist"), 80 if short else 300
    splits = (("train", mnist.train, 4 * n_test), ("test", mnist.test, n_test))
    for name, split, n in splits:
        for i in range(n):
            path = folder / name / str(split.labels[i]) / f"{i:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(split.images[i])).save(path)
    return folder


def run(
    arguments: Sequence[str],
    home: Path,
    program: Sequence[str] = VISBASE,
    *,
    variables: Mapping[str, str] | None = None,
    must_succeed: bool = False,
    **options: Any,
) -> Ended:
    """Run a command that keeps all its files under `home` to its end.

    `options` are those of subprocess.run, such as timeout, after which it is killed.
    """
    places = {f"VISBASE_{n.upper()}": str(home / n) for n in ("artifacts", "results")}
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | places | (variables or {})
    done = subprocess.run(
        [sys.executable, *program, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        **{"timeout": 600, **options},
    )
    if must_succeed and done.returncode:
        raise RuntimeError(done.stderr)
    return done


def leftovers(home: Path) -> list[str]:
    """Return the temporary files that nothing will ever remove."""
    return [str(path) for path in home.rglob("*.part")]


def refusal_problems(
    trial: str, done: Ended, statuses: Sequence[int] = (2,)
) -> list[str]:
    """Return what is wrong with a command that must fail with one error line.

    A list of files may follow the line, one per line; a traceback may not be there.
    """
    lines = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
    is_error_line = bool(lines) and lines[-1].startswith("visbase: ")
    if done.returncode in statuses and is_error_line and "Traceback" not in done.stderr:
        return []
    return [f"{trial}: status {done.returncode}: {done.stderr[-300:]}"]
