"""Who may import whom, what a command may load, and how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from visbase.pipeline.storage import ROOT

PACKAGES = ("pipeline", "baselines", "cnn", "reports")
FILES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
IDS = [str(path.relative_to(ROOT)) for path in FILES]
MAX_LINES = 300
HEAVY = ("torch", "cv2", "sklearn", "sklearnex", "numba")

# Modules of this project that a package may import; itself in every case.
MAY_IMPORT = {
    "pipeline": ("pipeline",),
    "baselines": ("baselines", "pipeline"),
    "cnn": ("cnn", "pipeline"),
    "reports": (
        "reports",
        "visbase.pipeline.experiments.records",
        "visbase.pipeline.data",
        "visbase.pipeline.datasets",
        "visbase.pipeline.errors",
        "visbase.pipeline.storage.atomic",
        "visbase.pipeline.experiments.measured",
        "visbase.pipeline.storage.tables",
        "visbase.pipeline.storage.folder_lock",
        "visbase.pipeline.experiments.provenance",
        "visbase.pipeline.storage.regular_file",
    ),
}
MAY_NOT_LOAD = {
    "pipeline": ("torch",),
    "baselines": ("torch",),
    "cnn": (),
    "reports": ("sklearn", "sklearnex", "cv2", "torch"),
}


def imported(source: str) -> list[str]:
    """Modules that a source imports anywhere, in full: `from a import b` is a.b."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            names += [f"{dots}{node.module or ''}.{a.name}" for a in node.names]
    return names


def is_in(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def forbidden(path: str, source: str) -> list[str]:
    """Imports of a file, named from the project's root, that break an arrow."""
    package = path.partition("/")[0]
    may = MAY_IMPORT[package] + (("reports",) if path == "pipeline/cli.py" else ())
    return [
        name
        for name in imported(source)
        if name.startswith(".")
        or is_in(name, MAY_NOT_LOAD[package])
        or (is_in(name, (*PACKAGES, "tests", "benchmarks")) and not is_in(name, may))
    ]


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_imports_follow_the_arrows(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert forbidden(name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("pipeline/run.py", "import baselines.majority"),
        ("pipeline/run.py", "from cnn import trainer"),
        ("pipeline/run.py", "def f():\n    from reports.compare import compare"),
        ("pipeline/run.py", "from . import cache"),
        ("pipeline/cli.py", "import baselines"),
        ("pipeline/datasets/mnist.py", "import torch"),
        ("baselines/linear.py", "from reports import evaluation"),
        ("baselines/linear.py", "def fit():\n    if True:\n        import torch.nn"),
        ("baselines/linear.py", "import cnn as networks"),
        ("cnn/lenet5.py", "from baselines.linear import build"),
        ("reports/compare.py", "from pipeline import methods"),
        ("reports/compare.py", "from pipeline.paths import results"),
        ("reports/compare.py", "import pipeline.run"),
        ("reports/page.py", "class A:\n    from sklearn import svm"),
        ("reports/page.py", "import numpy, cv2"),
        ("reports/page.py", "import tests.test_layout"),
    ],
)
def test_checker_catches_a_forbidden_arrow(path: str, source: str) -> None:
    assert len(forbidden(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("pipeline/cli.py", "def report():\n    from reports.compare import compare"),
        ("baselines/linear.py", "import sklearn, pipeline.images"),
        ("cnn/lenet5.py", "import torch\nfrom cnn.trainer import train"),
        ("reports/page.py", "from pipeline.records import Record"),
        ("reports/page.py", "from pipeline.datasets import mnist"),
        ("reports/page.py", "import pipelines"),  # somebody else's, by its look
    ],
)
def test_checker_lets_the_allowed_arrows_pass(path: str, source: str) -> None:
    assert forbidden(path, source) == []


def loaded_after(code: str) -> list[str]:
    """Heavy libraries that a fresh Python has loaded after running code."""
    asked = f"import sys\n{code}\nprint(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1].split()


HELP = """
from pipeline.cli import main
try:
    main({arguments})
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    "code",
    [
        HELP.format(arguments=["--help"]),
        HELP.format(arguments=["run", "--help"]),
        HELP.format(arguments=["predict", "--help"]),
        HELP.format(arguments=["methods"]),
        HELP.format(arguments=["datasets"]),
        "import reports.compare, reports.write",
    ],
    ids=["help", "run help", "predict help", "methods", "datasets", "reports"],
)
def test_command_that_computes_nothing_loads_no_heavy_library(code: str) -> None:
    assert loaded_after(code) == []


def test_check_of_loaded_libraries_sees_one() -> None:
    assert "numba" in loaded_after("import numba")


def test_help_is_the_same_for_module_and_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "visbase", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "How far do classical features go" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_file_is_short_and_named_for_what_it_does(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert path.stem not in ("utils", "util", "helpers", "common", "base", "misc")
