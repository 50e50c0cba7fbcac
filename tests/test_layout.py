"""Who may import whom, that no import is circular, and what a command may load."""

import ast
import graphlib
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.command_line import fresh_python, start_visbase
from visbase.pipeline.storage import ROOT

OURS = ("pipeline", "baselines", "cnn", "reports")
FILES = sorted(
    [path for name in OURS for path in (ROOT / name).rglob("*.py")]
    + list((ROOT / "visbase").glob("*.py"))
)
MAX_LINES, MOST_FILES, MOST_IN_PIPELINE = 300, 14, 6
HEAVY = ("torch", "cv2", "sklearn", "sklearnex", "numba")

# Rooms, named by the beginning of a module's name, and the rooms that each may import.
# Every room may import itself and `pipeline.errors`.
SCIENCE = ("pipeline.images", "pipeline.contracts", "pipeline.evaluation")
ENCODING = (*SCIENCE, "pipeline.descriptors", "pipeline.encoding")
BOVW = (*ENCODING, "pipeline.svm", "pipeline.storage", "pipeline.progress")
BELOW = (*SCIENCE, "pipeline.storage", "pipeline.progress", "pipeline.datasets")
MEASURING = (*BELOW, "pipeline.models", "pipeline.experiments")
RECORDS = ("pipeline.experiments.records", "pipeline.experiments.measured")
RECORDS += ("pipeline.datasets", "pipeline.storage")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("pipeline", "pipeline.errors", "pipeline.progress"), ()),
    **dict.fromkeys(("pipeline.contracts", "pipeline.evaluation"), ()),
    "pipeline.images": ("pipeline.contracts",),
    "pipeline.descriptors": SCIENCE,
    "pipeline.encoding": ENCODING,
    "pipeline.svm": SCIENCE,
    "pipeline.storage": (*SCIENCE, "pipeline.svm", "pipeline.progress"),
    "pipeline.bovw": BOVW,
    "pipeline.datasets": BELOW,
    "pipeline.models": BELOW,
    "pipeline.experiments": (*BELOW, "pipeline.models"),
    "pipeline.demo": MEASURING,
    "pipeline.commands": (*MEASURING, "pipeline.demo"),
    "baselines": ("pipeline",),
    "cnn": ("pipeline",),
    "reports": (*RECORDS, *SCIENCE),
    "estimators": ENCODING,
    "comparison": ("pipeline", "reports.comparison"),
    "__init__": ("pipeline", "estimators", "comparison"),
    "__main__": ("pipeline.commands",),
}
MAY_NOT_LOAD = dict.fromkeys(("pipeline", "baselines", "visbase"), ("torch",))
MAY_NOT_LOAD |= {"cnn": (), "reports": ("sklearn", "sklearnex", "cv2", "torch")}


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
    """Imports that a file, named from the project's root, may not have."""
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


def test_imports_follow_the_arrows() -> None:
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        assert (name, forbidden(name, path.read_text("utf-8"))) == (name, [])


@pytest.mark.parametrize(
    ("path", "source", "n"),
    [
        ("pipeline/experiments/run.py", "import visbase.baselines.majority", 1),
        ("pipeline/experiments/run.py", "def f():\n    import visbase.reports.x", 1),
        ("pipeline/experiments/run.py", "from . import cache", 1),
        ("pipeline/experiments/run.py", "from pipeline.storage import cache", 1),
        ("pipeline/datasets/mnist.py", "import torch", 1),
        ("pipeline/images/warp.py", "from visbase.pipeline.storage import cache", 1),
        ("pipeline/bovw.py", "from visbase.pipeline.storage.cache import recall", 0),
        ("baselines/linear.py", "if True:\n    import torch.nn", 1),
        ("baselines/linear.py", "import sklearn, visbase.pipeline.images", 0),
        ("cnn/lenet5.py", "from visbase.baselines.linear import build", 1),
        ("cnn/lenet5.py", "import torch\nfrom visbase.cnn.training import trainer", 0),
        ("reports/compare.py", "from visbase.pipeline.models import methods", 1),
        ("reports/page.py", "class A:\n    from sklearn import svm", 1),
        ("reports/page.py", "import numpy, cv2, tests.test_layout", 2),
        ("reports/page.py", "import pipelines", 0),  # not ours, though it looks alike
    ],
)
def test_checker_finds_forbidden_imports(path: str, source: str, n: int) -> None:
    assert len(forbidden(path, source)) == n


def import_graph() -> dict[str, set[str]]:
    """The modules that each module imports anywhere in its file, for types as well."""
    modules = {module_of(path) for path in FILES} - {""}
    graph: dict[str, set[str]] = {}
    for path in FILES:
        module = module_of(path)
        for name in imported(path.read_text(encoding="utf-8")):
            short = name.removeprefix("visbase.")
            targets = {short, short.rpartition(".")[0]} & modules - {module}
            graph.setdefault(module, set()).update(targets)
    return graph


def test_no_import_is_circular() -> None:
    graph = import_graph()
    assert "pipeline.errors" in graph["pipeline.storage.reading"]
    graphlib.TopologicalSorter(graph).prepare()  # raises an error that names the circle


def test_folders_and_files_are_small_and_named_for_what_they_do() -> None:
    kinds = ("utils", "util", "helpers", "common", "base", "misc")
    counts = Counter(path.parent for path in FILES)
    most = {ROOT / "pipeline": MOST_IN_PIPELINE}
    crowds = [p for p, n in counts.items() if n > most.get(p, MOST_FILES)]
    long = [p for p in FILES if p.read_text("utf-8").count("\n") > MAX_LINES]
    assert [*crowds, *long, *(path for path in FILES if path.stem in kinds)] == []


PLUGINS = ("visbase.reports.measures.", "visbase.reports.findings.")
COMMITTED_PLUGINS = ("standard", "combination", "corruption", "cost", "curves")
RUN = """
import sys
def run(*arguments):
    from visbase.pipeline.commands import main
    assert not main(arguments, standalone_mode=False)
"""
# 200 images pass through the same modules as all
RUN_FEW = """
from dataclasses import replace
from visbase.pipeline import datasets
from visbase.pipeline.datasets.splits import part
mnist = datasets.load_dataset("mnist")
few = [part(split, slice(0, 200)) for split in (mnist.train, mnist.test)]
datasets.load_dataset = lambda *_, **__: replace(mnist, train=few[0], test=few[1])
run("run", "bovw_pyramid", "--preset", "quick", "--set", "n_words=9")
"""


def test_code_that_computes_nothing_loads_no_heavy_library() -> None:
    actions = (
        "import visbase",
        "run('--help')",
        "run('run', '--help')",
        "run('predict', '--help')",
        "run('methods')",
        "run('datasets')",
        "run('networks')",
        "import visbase.reports.compare, visbase.reports.write",
        "import numba",  # which the check must notice
    )
    show = f"print('loaded', *[name for name in {HEAVY} if name in sys.modules])"
    code = RUN + "\n".join(f"{action}\n{show}" for action in actions)
    lines = fresh_python("-c", code).splitlines()
    loaded = [line.split()[1:] for line in lines if line.split()[:1] == ["loaded"]]
    assert loaded == [[]] * (len(actions) - 1) + [["numba"]]


@pytest.mark.parametrize(
    ("code", "most"), [(RUN_FEW, 40), ("run('report')", 28)], ids=["run", "report"]
)
def test_command_loads_few_modules(code: str, most: int, fresh_folders: Path) -> None:
    for method in ("majority", "linear"):  # something to report
        source = ROOT / "reports" / "results" / "mnist" / method
        shutil.copytree(source, fresh_folders / "results" / "mnist" / method)
    count = "print(*[n for n, m in sys.modules.items() if not hasattr(m, '__path__')])"
    output = fresh_python("-c", f"{RUN}\n{code}\n{count}")
    # another measure or finding is one more file, which nobody need regret
    names = [
        name
        for name in output.splitlines()[-1].split()
        if name.startswith("visbase.")
        and (not name.startswith(PLUGINS) or name.endswith(COMMITTED_PLUGINS))
    ]
    assert len(names) <= most, sorted(names)


def test_help_is_printed_without_a_warning() -> None:
    stdout, stderr = start_visbase("--help").communicate()
    assert "visbase run bovw_pyramid" in stdout
    assert stderr == ""
