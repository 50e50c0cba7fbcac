"""Where a number came from: code version, machine, libraries, memory."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from visbase.pipeline.storage import ROOT

DISTRIBUTIONS = (
    "numpy",
    "scikit-learn",
    "scikit-learn-intelex",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "numba",
    "torch",
)
MEASURED = ("results", "curves", "corruption", "cost", "combination")
NAMES_A_REPOSITORY = (  # variables of git, which may be those of another one
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
)
# Records, pages made from them and tests do not change what the next run computes.
NOT_CODE = (
    *(f":!reports/{data}" for data in MEASURED),
    *(":!README.md", ":!CHANGELOG.md", ":!docs", ":!tests"),
)


def commit() -> str | None:
    """The checked-out commit; None where this is no git checkout of its own.

    Another repository may be around it, whose commits say nothing of this code.
    """
    top, _, head = (_git("rev-parse", "--show-toplevel", "HEAD") or "").partition("\n")
    return head if head and Path(top) == ROOT else None


def dirty() -> bool | None:
    """Whether code differs from the commit; None where there is no `commit`.

    A new file counts where Python could import it, not a model or picture saved here.
    """
    changes = _git("status", "--porcelain", "-uall", "--", ".", *NOT_CODE)
    if commit() is None or changes is None:
        return None
    return any(
        not line.startswith("??") or line.strip('"').endswith((".py", ".so"))
        for line in changes.splitlines()
    )


def revision() -> str:
    """Ten digits of the commit, and + where code differs from it; "" without one.

    To be asked for before any work: others may commit while it goes on.
    """
    return (commit() or "")[:10] + "+" * (dirty() is True)


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu() -> str:
    """The processor's name, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def n_cores() -> int:
    """Cores that this process may use."""
    from joblib import cpu_count  # slow to import; knows affinities and quotas

    return int(cpu_count())


def _git(*arguments: str) -> str | None:
    # without its optional locks git is in nobody's way, and leaves none when killed
    here = {k: v for k, v in os.environ.items() if k not in NAMES_A_REPOSITORY}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=ROOT,
            env=here,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
