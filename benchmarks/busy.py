"""What a method's quick run takes beside a program that keeps one core busy.

    python -m benchmarks.busy svm_rbf lenet5

Every run is cold and has its own process. Without names: all methods of MNIST.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from visbase.pipeline.experiments.records import read_record, record_path
from visbase.pipeline.models.methods import find_methods

AT_MOST = 2.2  # times the idle seconds, on two cores of which one is shared
LEAST_S = 1.0  # shorter runs say little
LOOP = "import time\nend = time.monotonic() + 600\nwhile time.monotonic() < end: pass\n"

HEAD = (
    "| method, quick preset | idle (s) | beside one busy loop (s) | ratio | target |\n"
    "| --- | ---: | ---: | ---: | ---: |"
)


def rows(methods: list[str]) -> list[str]:
    """One Markdown row per method; runs shorter than LEAST_S have none."""
    lines = []
    for method in methods:
        idle_s = seconds(method)
        if idle_s < LEAST_S:
            continue
        loop = subprocess.Popen([sys.executable, "-c", LOOP])
        try:
            busy_s = seconds(method)
        finally:
            loop.kill()
            loop.wait()
        lines.append(
            f"| `{method}` | {idle_s:.1f} | {busy_s:.1f} | {busy_s / idle_s:.2f} | "
            f"{AT_MOST} |"
        )
        print(lines[-1], file=sys.stderr)
    return lines


def seconds(method: str) -> float:
    """Seconds to fit and to predict, as recorded by a cold quick run."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "visbase", "run", method, "--preset", "quick"],
            env=os.environ | {"VISBASE_ARTIFACTS": folder, "VISBASE_DEVICE": "cpu"},
            capture_output=True,
            check=True,
        )
        results = Path(folder) / "results" / "quick"
        record = read_record(record_path(results, "mnist", method, 0))
    return (record.fit_s or 0) + (record.predict_s or 0)


def digit_methods() -> list[str]:
    """The names of all methods for digits."""
    return [name for name, m in find_methods().items() if "digits" in m.kinds]


if __name__ == "__main__":
    print(HEAD, *rows(sys.argv[1:] or digit_methods()), sep="\n")
