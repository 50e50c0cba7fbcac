"""Compiled code on disk is a help, never a condition."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from visbase.pipeline.storage import ROOT

MODULE = """
from visbase.pipeline.images.compiled import compiled

@compiled()
def doubled(x):
    return 2 * x

print(doubled(21))
"""


def run(module: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(module)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_text(MODULE)
    return path


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("n_bytes", [0, 100])
def test_damaged_code_is_told_and_compiled_anew(
    module: Path, ending: str, n_bytes: int
) -> None:
    cache = module.parent / "__pycache__"
    done = run(module, NUMBA_CACHE_DIR="")
    assert (done.stdout, done.stderr) == ("42\n", "")
    (file,) = cache.glob(f"*.{ending}")
    file.write_bytes(file.read_bytes()[:n_bytes])
    done = run(module, NUMBA_CACHE_DIR="")
    assert done.stdout == "42\n"
    assert done.stderr == "compiled code of doubled is damaged; compiling it again\n"
    assert run(module, NUMBA_CACHE_DIR="").stderr == ""


def test_code_that_nobody_can_keep_is_compiled_in_every_process(module: Path) -> None:
    # of all places only the user's own, and there is none
    where = "UserProvidedCacheLocator"
    done = run(module, NUMBA_CACHE_DIR="", NUMBA_CACHE_LOCATOR_CLASSES=where)
    assert (done.stdout, done.stderr) == ("42\n", "")
    assert not list(module.parent.rglob("*.nbi"))


def test_code_that_shall_not_be_compiled_runs_as_it_is(module: Path) -> None:
    done = run(module, NUMBA_DISABLE_JIT="1")
    assert (done.stdout, done.stderr) == ("42\n", "")


def test_environment_that_numba_refuses_is_told(module: Path) -> None:
    done = run(module, NUMBA_NUM_THREADS="0")
    assert "BadEnvironment: NUMBA_ variables of the environment: " in done.stderr
