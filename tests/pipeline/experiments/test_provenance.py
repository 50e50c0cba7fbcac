"""Whether a run was of committed code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.measured import is_committed
from visbase.pipeline.storage import spent


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("", False),
        (" M pipeline/pool.py", True),
        ("?? digits.visbase\n?? why.png", False),
        ("?? baselines/mine.py", True),
        ('?? "baselines/my method.py"', True),
        (None, None),
    ],
)
def test_new_files_count_as_changes_where_they_are_code(
    status: str | None, expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "commit", lambda: "abc")
    monkeypatch.setattr(provenance, "_git", lambda *_: status)
    assert provenance.dirty() is expected


def test_commit_is_that_of_this_code_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "copy"
    inside.mkdir()
    git = ("git", "-c", "user.name=a", "-c", "user.email=a", "-C", str(tmp_path))
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "other"], check=True)
    here = provenance.commit()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert provenance.commit() == here
    monkeypatch.setenv("GIT_CONFIG_COUNT", "broken")  # git's settings are heeded
    assert provenance.commit() is None
    monkeypatch.delenv("GIT_CONFIG_COUNT")
    monkeypatch.setattr(provenance, "ROOT", tmp_path.resolve())
    assert len(str(provenance.commit())) == 40
    assert provenance.commit() != here
    assert provenance.dirty() is False
    # a copy without a repository of its own, inside another one
    monkeypatch.setattr(provenance, "ROOT", inside.resolve())
    assert (provenance.commit(), provenance.dirty()) == (None, None)
    assert provenance.revision() == ""


def test_git_takes_no_lock_that_it_could_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a", "-C", str(tmp_path))
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "a.py").write_text("1")
    (tmp_path / os.fsdecode(b"\xff.py")).write_text("2")  # untracked, no UTF-8
    subprocess.run([*git, "add", "a.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a"], check=True)
    subprocess.run([*git, "config", "core.quotepath", "false"], check=True)
    os.utime(tmp_path / "a.py", (1, 1))  # git would write what it found into its index
    before = (tmp_path / ".git" / "index").stat()
    monkeypatch.setattr(provenance, "ROOT", tmp_path.resolve())
    assert provenance.dirty() is True
    after = (tmp_path / ".git" / "index").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("commit", "dirty", "revision", "committed"),
    [
        ("0123456789abcdef", False, "0123456789", True),
        ("0123456789abcdef", True, "0123456789+", False),
        (None, None, "", False),
    ],
)
def test_revision_tells_committed_code(
    commit: str | None,
    dirty: bool | None,
    revision: str,
    committed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "commit", lambda: commit)
    monkeypatch.setattr(provenance, "dirty", lambda: dirty)
    assert provenance.revision() == revision
    assert is_committed(revision) is committed


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_peak_memory_is_not_that_of_the_process_that_started_this_one() -> None:
    large = np.ones(300 << 20, np.uint8)
    code = (
        "from visbase.pipeline.storage.spent import own_peak_rss_mb as peak; "
        "print(peak())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert spent.own_peak_rss_mb() > large.nbytes / 2**20
    assert 5 < float(done.stdout) < 150
