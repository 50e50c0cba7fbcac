"""Compiled code on disk is a help, never a condition."""

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


def run(module: Path, **environment: str) -> tuple[str, str]:
    """Output and standard error of the module in a process of its own."""
    places = {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": ""}
    done = subprocess.run(
        [sys.executable, str(module)],
        env=os.environ | places | environment,
        capture_output=True,
        text=True,
    )
    return done.stdout, done.stderr


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "module.py").write_text(MODULE)
    return tmp_path / "module.py"


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "size"), [("nbi", 0), ("nbc", 100)])
def test_damaged_code_is_compiled_again(module: Path, ending: str, size: int) -> None:
    assert run(module) == ("42\n", "")
    (file,) = module.parent.glob(f"__pycache__/*.{ending}")
    file.write_bytes(file.read_bytes()[:size])
    output, error = run(module)
    assert output == "42\n"
    assert "doubled is damaged" in error
    assert error.count("\n") == 1
    assert run(module) == ("42\n", "")


def test_code_that_is_not_kept_on_disk_works(module: Path) -> None:
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}  # has none
    for environment in (nowhere, {"NUMBA_DISABLE_JIT": "1"}):
        assert run(module, **environment) == ("42\n", "")
        assert not list(module.parent.rglob("*.nbi"))


def test_environment_that_numba_refuses_is_reported(module: Path) -> None:
    _, error = run(module, NUMBA_NUM_THREADS="0")
    assert "BadEnvironment: NUMBA_" in error
