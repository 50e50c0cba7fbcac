"""A plain `pip install`: one name, records to report, and nothing written into it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_only_one_name_is_put_into_site_packages(site: Path) -> None:
    names = {path.name for path in site.iterdir() if not path.name.endswith("-info")}
    assert names == {"visbase", "bin"}
    assert not any(path.is_symlink() for path in site.rglob("*"))
    assert (site / "visbase" / "py.typed").is_file()
    # an editable installation puts the folder src/ into the path
    names = {p.name for p in (ROOT / "src").iterdir() if p.suffix != ".egg-info"}
    assert names == {"visbase"}
    assert (ROOT / "src" / "visbase" / "pipeline" / "bovw.py").is_file()


def test_installation_reports_the_records_and_writes_into_the_working_folder(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_in(site)
    for name in [name for name in os.environ if name.startswith("VISBASE_")]:
        monkeypatch.delenv(name)
    here = {"PYTHONPATH": str(site), "NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    visbase = ("-P", "-m", "visbase")
    assert "bovw_pyramid" in fresh_python(*visbase, "report", cwd=tmp_path, **here)
    fresh_python(*visbase, "run", "majority", cwd=tmp_path, **here)
    artifacts = tmp_path / "artifacts"
    assert (artifacts / "report" / "mnist" / "index.html").is_file()
    assert len(list((artifacts / "results").rglob("seed0.json"))) == 1
    assert files_in(site) == before
