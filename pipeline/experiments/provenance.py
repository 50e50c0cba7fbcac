"""Where a number came from: the version of the code, the machine, the libraries."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.code import library_versions

MEASURED = ("results", "curves", "corruption", "cost", "combination", "demonstrations")
# Records, pages made from them and tests do not change what the next run computes.
NOT_CODE = (
    *(f":!reports/{data}" for data in MEASURED),
    *(":!README.md", ":!CHANGELOG.md", ":!docs", ":!tests"),
)


def commit() -> str | None:
    """The checked-out commit; None if this is not a git checkout of its own.

    A repository around the code does not count: its commits say nothing about it.
    """
    top, _, head = (_git("rev-parse", "--show-toplevel", "HEAD") or "").partition("\n")
    return head if head and Path(top) == ROOT else None


def dirty() -> bool | None:
    """Whether code differs from the commit; None without a commit.

    A new file counts if Python could import it; a saved model or picture does not.
    """
    changes = _git("status", "--porcelain", "-uall", "--", ".", *NOT_CODE)
    if commit() is None or changes is None:
        return None
    return any(
        not line.startswith("??") or line.strip('"').endswith((".py", ".so"))
        for line in changes.splitlines()
    )


def revision() -> str:
    """Ten digits of the commit, and + if code differs from it; "" without a commit.

    Ask for it before any work: others may commit while it runs.
    """
    return (commit() or "")[:10] + "+" * (dirty() is True)


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    return {"python": platform.python_version(), **library_versions()}


def cpu() -> str:
    """The name of the processor, as the system reports it."""
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
    # a git hook's variables may name another repository; GIT_CONFIG* are settings
    here = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],  # a kill leaves no lock behind
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
