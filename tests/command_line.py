"""Run the command line inside the test's process, or another Python beside it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from visbase.pipeline.commands import main
from visbase.pipeline.storage import ROOT


def visbase(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), input=stdin)


def refusal(*arguments: object) -> str:
    """The single line on standard error of a command that ends with status 2."""
    result = visbase(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("visbase: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def fresh_python(*arguments: str, cwd: Path = ROOT, **variables: str) -> str:
    """What another Python prints on standard output before it ends well."""
    command, environment = [sys.executable, *arguments], os.environ | variables
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start_visbase(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start it as a user does, with its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "visbase", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
