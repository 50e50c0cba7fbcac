"""What the environment says changes no result, and what it lacks is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.commands.test_cli import refusal, visbase
from visbase.pipeline.storage import ROOT


@pytest.mark.parametrize(
    "environment",
    [
        {"MPLBACKEND": "module://of_a_notebook"},
        {"MATPLOTLIBRC": "matplotlibrc"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_report_is_the_same_in_any_environment(
    environment: dict[str, str], fresh_folders: Path
) -> None:
    style = fresh_folders / "matplotlibrc"
    style.write_text("lines.linewidth: 5\nfont.size: 20\ntext.usetex: True\n")
    if "MATPLOTLIBRC" in environment:
        environment = {"MATPLOTLIBRC": str(style)}
    found = []
    for own in ({}, environment):
        out = fresh_folders / f"{len(own)}"
        done = subprocess.run(
            [sys.executable, "-m", "visbase", "report", "--out", str(out)],
            env=os.environ
            | {"VISBASE_RESULTS": str(ROOT / "reports" / "results")}
            | own,
            capture_output=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert found[0] == found[1]


@pytest.mark.parametrize("rank", ["1", "abc"])
def test_rank_without_other_processes_changes_nothing(
    rank: str, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    result = visbase("run", "majority", "--preset", "quick")
    assert result.stdout.startswith("majority (quick, seed 0)")
    assert list(fresh_folders.rglob("seed0.json"))


def test_folder_below_a_home_that_nobody_has_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert "~ is unknown; set HOME" in refusal(
        "run", "majority", "--dataset", "folder:~/x"
    )
