"""A folder whose files several processes change: one at a time, and nothing is lost."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import read_rows, write_rows

ROWS = 40


def test_no_row_is_lost_where_two_processes_add_to_a_table(tmp_path: Path) -> None:
    table = tmp_path / "deep" / "table.csv"
    command = [sys.executable, __file__, str(table)]
    both = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    found = sorted(row["name"] for row in read_rows(table, ["name"]))
    assert found == sorted(f"{name}{i}" for name in "ab" for i in range(ROWS))
    assert [path.name for path in table.parent.iterdir()] == ["table.csv"]


def test_file_system_without_locks_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    for name in ("a", "b"):
        with locked(tmp_path):
            write_rows(tmp_path / "table.csv", ["name"], [{"name": name}])
    told = capsys.readouterr().err
    assert told.count("cannot be locked (No locks available); run one command") == 1
    assert read_rows(tmp_path / "table.csv", ["name"]) == [{"name": "b"}]


def test_who_waits_long_for_others_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("visbase.pipeline.storage.folder_lock.PATIENCE_S", 0)

    def wait() -> None:
        with locked(tmp_path):
            pass

    waiting = threading.Thread(target=wait)
    with locked(tmp_path):
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive()
    waiting.join()
    assert capsys.readouterr().err == f"{tmp_path}: waiting for who else works there\n"


if __name__ == "__main__":
    for i in range(ROWS):
        with locked(Path(sys.argv[1]).parent):
            rows = read_rows(Path(sys.argv[1]), ["name"])
            rows.append({"name": f"{sys.argv[2]}{i}"})
            write_rows(Path(sys.argv[1]), ["name"], rows)
