"""Whether a run was of committed code, and what it needed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import is_committed
from visbase.pipeline.storage import spent


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit, of a.py; its file names are not quoted."""
    folder = tmp_path.resolve()
    (folder / "a.py").write_text("1")
    git = ("git", "-c", "user.name=a", "-c", "user.email=a", "-C", str(folder))
    quote = "config core.quotepath false"
    for command in ("init -q", "add a.py", "commit -q -m a", quote):
        subprocess.run([*git, *command.split()], check=True)
    return folder


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *(("", False), ("?? digits.visbase\n?? why.png", False), (None, None)),
        *((" M pipeline/pool.py", True), ("?? baselines/mine.py", True)),
        ('?? "baselines/my method.py"', True),
    ],
)
@patch.object(provenance, "commit", lambda: "abc")
def test_new_files_are_changes_where_they_are_code(status: Any, expected: Any) -> None:
    with patch.object(provenance, "_git", lambda *_: status):
        assert provenance.dirty() is expected


def test_commit_is_of_this_code_whatever_repository_the_environment_names(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = provenance.commit()
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repository))
    assert provenance.commit() == here
    monkeypatch.setattr(provenance, "ROOT", repository)
    assert len(str(provenance.commit())) == 40
    assert provenance.commit() != here
    assert provenance.dirty() is False
    monkeypatch.setenv("GIT_CONFIG_COUNT", "broken")  # git's settings are heeded
    assert provenance.commit() is None


def test_code_without_a_repository_of_its_own_has_no_commit(repository: Path) -> None:
    (repository / "copy").mkdir()
    with patch.object(provenance, "ROOT", repository / "copy"):
        assert (provenance.commit(), provenance.dirty()) == (None, None)
    with patch.object(provenance, "ROOT", repository), patch.dict(os.environ, PATH=""):
        assert (provenance.commit(), provenance.dirty()) == (None, None)  # no git


def test_git_takes_no_lock_that_it_could_leave(repository: Path) -> None:
    (repository / os.fsdecode(b"\xff.py")).write_text("2")  # untracked, not UTF-8
    os.utime(repository / "a.py", (1, 1))  # a usual `git status` would renew its index
    before = (repository / ".git" / "index").stat()
    with patch.object(provenance, "ROOT", repository):
        assert provenance.dirty() is True
    after = (repository / ".git" / "index").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("commit", "dirty", "revision"),
    [("0123456789abcdef", False, "0123456789"), ("ab", True, "ab+"), (None, None, "")],
)
def test_revision_tells_committed_code(commit: Any, dirty: Any, revision: str) -> None:
    with patch.multiple(provenance, commit=lambda: commit, dirty=lambda: dirty):
        assert provenance.revision() == revision
    assert is_committed(revision) is (dirty is False)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_peak_memory_excludes_the_process_that_started_this_one() -> None:
    large = np.ones(300 << 20, np.uint8)
    code = "from visbase.pipeline.storage import spent; print(spent.own_peak_rss_mb())"
    peak = subprocess.check_output([sys.executable, "-c", code])
    assert spent.own_peak_rss_mb() > large.nbytes / 2**20
    assert 5 < float(peak) < 150
