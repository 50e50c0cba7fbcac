"""Who may import whom, that nothing goes in a circle, and what a command may load."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from visbase.pipeline.storage import ROOT

OURS = ("pipeline", "baselines", "cnn", "reports")
FILES = sorted(
    [path for name in OURS for path in (ROOT / name).rglob("*.py")]
    + list((ROOT / "visbase").glob("*.py"))
)
MAX_LINES = 300
MOST_IN_A_FOLDER = 14
MOST_IN_PIPELINE = 6
HEAVY = ("torch", "cv2", "sklearn", "sklearnex", "numba")

# Rooms by the beginning of a module's name, and the rooms that each may import; itself
# and `pipeline.errors` in every case.
SCIENCE = ("pipeline.images", "pipeline.contracts", "pipeline.evaluation")
ENCODING = (*SCIENCE, "pipeline.descriptors", "pipeline.encoding")
BOVW = (*ENCODING, "pipeline.svm", "pipeline.storage", "pipeline.progress")
BELOW = (*SCIENCE, "pipeline.storage", "pipeline.progress", "pipeline.datasets")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "pipeline": (),
    "pipeline.errors": (),
    "pipeline.progress": (),
    "pipeline.contracts": (),
    "pipeline.evaluation": (),
    "pipeline.images": ("pipeline.contracts",),
    "pipeline.descriptors": SCIENCE,
    "pipeline.encoding": ENCODING,
    "pipeline.svm": SCIENCE,
    "pipeline.storage": (*SCIENCE, "pipeline.svm", "pipeline.progress"),
    "pipeline.bovw": BOVW,
    "pipeline.datasets": BELOW,
    "pipeline.models": BELOW,
    "pipeline.experiments": (*BELOW, "pipeline.models"),
    "pipeline.commands": (*BELOW, "pipeline.models", "pipeline.experiments"),
    "baselines": ("pipeline",),
    "cnn": ("pipeline",),
    "reports": (
        "pipeline.contracts",
        "pipeline.evaluation",
        "pipeline.experiments.records",
        "pipeline.experiments.measured",
        "pipeline.datasets",
        "pipeline.storage",
    ),
    "estimators": (*ENCODING,),
    "__init__": ("pipeline", "estimators"),
    "__main__": ("pipeline.commands",),
}
MAY_NOT_LOAD = {
    "pipeline": ("torch",),
    "baselines": ("torch",),
    "cnn": (),
    "reports": ("sklearn", "sklearnex", "cv2", "torch"),
    "visbase": ("torch",),
}


def module_of(path: Path) -> str:
    """pipeline/images/warp.py -> pipeline.images.warp; visbase/x.py -> x."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "visbase" else parts
    return ".".join(parts).removesuffix(".__init__")


def is_in(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def room_of(module: str) -> str:
    return max((room for room in MAY_IMPORT if is_in(module, (room,))), key=len)


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


def forbidden(path: str, source: str) -> list[str]:
    """Imports of a file, named from the project's root, that break an arrow."""
    module, package = module_of(ROOT / path), path.partition("/")[0]
    room = room_of(module) if module else "__init__"
    may = (room, "pipeline.errors", *MAY_IMPORT[room])
    return [
        name
        for name in imported(source)
        if name.startswith(".")
        or is_in(name, MAY_NOT_LOAD[package])
        or is_in(name, (*OURS, "tests", "benchmarks"))  # not by its one import name
        or (
            name.startswith("visbase.")
            and not is_in(name.removeprefix("visbase."), may)
        )
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert forbidden(name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("pipeline/experiments/run.py", "import visbase.baselines.majority"),
        ("pipeline/experiments/run.py", "from visbase.cnn import trainer"),
        ("pipeline/experiments/run.py", "def f():\n    import visbase.reports.compare"),
        ("pipeline/experiments/run.py", "from . import cache"),
        ("pipeline/experiments/run.py", "from pipeline.storage import cache"),
        ("pipeline/models/file.py", "from visbase.pipeline.experiments import run"),
        ("pipeline/commands/report.py", "from visbase.reports import write"),
        ("pipeline/datasets/mnist.py", "import torch"),
        ("pipeline/images/warp.py", "from visbase.pipeline.storage import cache"),
        ("pipeline/images/warp.py", "from visbase.pipeline.descriptors import flat"),
        ("pipeline/svm/kernel.py", "from visbase.pipeline.progress import track"),
        ("pipeline/encoding/pool.py", "from visbase.pipeline.svm import kernel"),
        ("pipeline/evaluation.py", "from visbase.pipeline.commands import main"),
        ("baselines/linear.py", "from visbase.reports import compare"),
        ("baselines/linear.py", "def fit():\n    if True:\n        import torch.nn"),
        ("cnn/lenet5.py", "from visbase.baselines.linear import build"),
        ("reports/compare.py", "from visbase.pipeline.models import methods"),
        ("reports/compare.py", "import visbase.pipeline.experiments.run"),
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
        ("pipeline/bovw.py", "from visbase.pipeline.storage.cache import recall"),
        ("baselines/linear.py", "import sklearn, visbase.pipeline.images"),
        ("cnn/lenet5.py", "import torch\nfrom visbase.cnn.training import trainer"),
        ("reports/page.py", "from visbase.pipeline.experiments.records import Record"),
        ("reports/page.py", "from visbase.pipeline.datasets import mnist"),
        ("reports/page.py", "import pipelines"),  # somebody else's, by its look
    ],
)
def test_checker_lets_the_allowed_arrows_pass(path: str, source: str) -> None:
    assert forbidden(path, source) == []


def graph() -> dict[str, set[str]]:
    """Which of our modules each imports, wherever in its file; type checks as well."""
    modules = {module_of(path) for path in FILES} - {""}
    arrows = {}
    for path in FILES:
        found = set()
        for name in imported(path.read_text(encoding="utf-8")):
            short = name.removeprefix("visbase.")
            parent = short.rpartition(".")[0]
            found |= {one for one in (short, parent) if one in modules}
        arrows[module_of(path)] = {
            one
            for one in found - {module_of(path)}
            if importlib.util.find_spec(f"visbase.{one}")
        }
    return arrows


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, in the order in which they do."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            found.append([*way[way.index(name) :], name])
        elif name not in done:
            for other in sorted(arrows.get(name, ())):
                visit(other, [*way, name])
            done.add(name)

    for name in sorted(arrows):
        visit(name, [])
    return found


def test_no_module_imports_itself_in_a_circle() -> None:
    assert circles(graph()) == []


def test_circle_is_found() -> None:
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles(arrows) == [["b", "c", "b"]]


def test_no_folder_is_a_crowd() -> None:
    crowds = {}
    for folder in {path.parent for path in FILES}:
        n_files = sum(1 for path in FILES if path.parent == folder)
        limit = MOST_IN_PIPELINE if folder == ROOT / "pipeline" else MOST_IN_A_FOLDER
        if n_files > limit:
            crowds[folder.name] = n_files
    assert crowds == {}


def fresh_python(code: str) -> list[str]:
    """The words of the last line that a fresh Python prints after running code."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1].split()


def loaded_after(code: str) -> list[str]:
    """Heavy libraries that a fresh Python has loaded after running code."""
    return fresh_python(
        f"import sys\n{code}\nprint('', *[m for m in {HEAVY} if m in sys.modules])"
    )


PLUGINS = ("visbase.reports.measures.", "visbase.reports.findings.")
FINDINGS = [
    f"visbase.reports.findings.{name}"
    for name in ("combination", "corruption", "cost", "curves")
]
COMMAND = """
from visbase.pipeline.commands import main
try:
    main({arguments})
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    "code",
    [
        COMMAND.format(arguments=["--help"]),
        COMMAND.format(arguments=["run", "--help"]),
        COMMAND.format(arguments=["predict", "--help"]),
        COMMAND.format(arguments=["methods"]),
        COMMAND.format(arguments=["datasets"]),
        "import visbase",
        "import visbase.reports.compare, visbase.reports.write",
    ],
    ids=["help", "run help", "predict help", "methods", "datasets", "face", "reports"],
)
def test_command_that_computes_nothing_loads_no_heavy_library(code: str) -> None:
    assert loaded_after(code) == []


def test_check_of_loaded_libraries_sees_one() -> None:
    assert "numba" in loaded_after("import numba")


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        (["run", "bovw_pyramid", "--preset", "quick", "--set", "n_words=10"], 40),
        (["report"], 28),
    ],
    ids=["run bovw_pyramid", "report"],
)
def test_command_loads_few_of_our_modules(
    arguments: list[str],
    most: int,
    fresh_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if arguments[0] == "report":
        monkeypatch.delenv("VISBASE_RESULTS")
    count = """
import sys
ours = [n for n, m in sys.modules.items() if n.startswith("visbase.")]
files = [n for n in ours if not hasattr(sys.modules[n], "__path__")]
print(len(files), *sorted(files))
"""
    _, *names = fresh_python(COMMAND.format(arguments=arguments) + count)
    ours = ("visbase.reports.measures.standard", *FINDINGS)
    # a measure or finding that somebody adds is a file more, and nobody's fault
    added = [n for n in names if n.startswith(PLUGINS) and n not in ours]
    assert len(names) - len(added) <= most, names


def test_help_is_the_same_for_module_and_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "visbase", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "visbase run bovw_pyramid" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_short_and_named_for_what_it_does(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert path.stem not in ("utils", "util", "helpers", "common", "base", "misc")
