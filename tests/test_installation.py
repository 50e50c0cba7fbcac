"""The package as users have it: its names, examples, imports and installation."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import visbase
from tests.command_line import fresh_python
from visbase.pipeline.storage import ROOT

LEFT_OUT = (".venv", ".git", "artifacts", "build", "*.egg-info", "__pycache__", ".*")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package was installed into."""
    source = tmp_path_factory.mktemp("source") / "visbase"
    ignored = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(ROOT, source, symlinks=True, ignore=ignored)
    site = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    local = ("--no-deps", "--no-build-isolation", "--no-index", "--target", str(site))
    subprocess.run([*pip, "install", *local, str(source)], check=True)
    return site


def files_in(site: Path) -> set[Path]:
    return {path for path in site.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_only_one_name_is_put_into_site_packages(site: Path) -> None:
    names = {path.name for path in site.iterdir() if path.suffix != ".dist-info"}
    assert names == {"visbase", "bin"}
    assert not any(path.is_symlink() for path in site.rglob("*"))
    assert (site / "visbase" / "py.typed").is_file()
    for folder in (("reports", "comparison"), ("pipeline", "demo")):
        assert site.joinpath("visbase", *folder, "page.js").is_file()
    # an editable installation puts the folder src/ into the path
    names = {p.name for p in (ROOT / "src").iterdir() if p.suffix != ".egg-info"}
    assert names == {"visbase"}
    assert (ROOT / "src" / "visbase" / "pipeline" / "bovw.py").is_file()


@pytest.mark.slow
def test_installation_reports_the_records_and_writes_into_the_working_folder(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_in(site)
    for name in [name for name in os.environ if name.startswith("VISBASE_")]:
        monkeypatch.delenv(name)
    here = {"PYTHONPATH": str(site), "NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    visbase = ("-P", "-m", "visbase")
    assert "bovw_pyramid" in fresh_python(*visbase, "report", cwd=tmp_path, **here)
    assert "resnet50" in fresh_python(*visbase, "networks", cwd=tmp_path, **here)
    fresh_python(*visbase, "run", "majority", cwd=tmp_path, **here)
    artifacts = tmp_path / "artifacts"
    assert (artifacts / "report" / "mnist" / "index.html").is_file()
    assert len(list((artifacts / "results").rglob("seed0.json"))) == 1
    assert files_in(site) == before


def test_every_public_name_can_be_imported() -> None:
    for name in visbase.__all__:
        assert getattr(visbase, name) is not None
        assert name in dir(visbase)
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        visbase.no_such_name  # noqa: B018


@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_examples_of_the_docs_run(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert examples
    digits = "from visbase import load_dataset\nmnist = load_dataset('mnist')"
    given = "images, labels = mnist.train.images[:200], mnist.train.labels[:200]"
    code = "\n".join([digits, given, *examples])
    fresh_python("-c", code, cwd=tmp_path, PYTHONPATH=str(ROOT))


def test_importing_changes_nothing_in_the_process_of_a_user(tmp_path: Path) -> None:
    code = """
import warnings
from PIL import Image
before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
import visbase
for name in visbase.__all__:
    getattr(visbase, name)
import visbase.pipeline.images.photo_files
ours = [f for f in warnings.filters if f not in before[1] and "PIL" in str(f)]
print(before[0] == Image.MAX_IMAGE_PIXELS, ours)
"""
    output = fresh_python("-c", code, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert output.split() == ["True", "[]"]


@pytest.mark.slow
@pytest.mark.parametrize("names", [["majority"], ["majority", "linear"]])
def test_no_module_of_the_working_folder_runs(names: list[str], tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')\nraise SystemExit\n"
    for module in ("pipeline", "reports", "cnn", "numpy", "click", "typing", "joblib"):
        (tmp_path / f"{module}.py").write_text(code)
    run = ("-m", "visbase", "run", *names, "--preset", "quick")
    artifacts = str(tmp_path / "artifacts")
    output = fresh_python(*run, cwd=tmp_path, VISBASE_ARTIFACTS=artifacts)
    assert [line.split()[0] for line in output.splitlines()] == names
    assert not ran.exists()


def test_locked_packages_of_the_demo_are_all_that_it_needs_besides_the_networks() -> (
    None
):
    pinned = pins("requirements-demo.lock")
    assert needed_by("gradio") - needed_by("visbase", "cnn") <= pinned.keys()
    others = pins("requirements.lock")
    shared = pinned.keys() & others.keys()
    assert {name: pinned[name] for name in shared} == {n: others[n] for n in shared}


def pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").split("\n")
    parts = [line.partition(";")[0].partition("==") for line in lines]
    return {canonicalize_name(name): version.strip() for name, _, version in parts}


def needed_by(name: str, extra: str = "") -> set[str]:
    """Names of a package and of all packages that it needs here."""
    found, left = set(), [(name, extra)]
    while left:
        name, extra = left.pop()
        found.add(canonicalize_name(name))
        for line in distribution(name).requires or ():
            needed = Requirement(line)
            is_needed = needed.marker is None or needed.marker.evaluate(
                {"extra": extra}
            )
            if is_needed and canonicalize_name(needed.name) not in found:
                left += [(needed.name, one) for one in needed.extras or [""]]
    return found
