"""Tables that several processes add to, or that are none."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.csv_table import read_rows, write_rows
from pipeline.errors import BadInput
from pipeline.folder_lock import alone

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
        with alone(tmp_path / "table.csv"):
            write_rows(tmp_path / "table.csv", ["name"], [{"name": name}])
    told = capsys.readouterr().err
    assert told.count("cannot be locked (No locks available); run one command") == 1
    assert read_rows(tmp_path / "table.csv", ["name"]) == [{"name": "b"}]


def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "table.csv")
    with pytest.raises(BadInput, match=r"table.csv: cannot be read \(Not a regular"):
        read_rows(tmp_path / "table.csv", ["name"])


def test_who_waits_long_for_others_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.folder_lock.PATIENCE_S", 0)
    with alone(tmp_path / "a"):
        command = [sys.executable, __file__, str(tmp_path / "table.csv"), "a"]
        other = subprocess.Popen(command)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1)
    assert other.wait() == 0
    waiting = threading.Thread(target=take, args=[tmp_path / "b"])
    with alone(tmp_path / "a"):
        waiting.start()
        waiting.join(1)
    waiting.join()
    assert capsys.readouterr().err == f"{tmp_path}: waiting for who else works there\n"


def take(path: Path) -> None:
    with alone(path):
        pass


def test_empty_lines_at_the_end_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("name\nx\n\n\n")
    assert read_rows(path, ["name"]) == [{"name": "x"}]
    path.write_text("name\nx\n\ny\n")
    with pytest.raises(BadInput, match="line 3: expected a full row"):
        read_rows(path, ["name"])


def test_link_to_a_table_stays(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "table.csv")
    write_rows(link, ["name"], [{"name": "x"}])
    assert link.is_symlink()
    assert read_rows(tmp_path / "table.csv", ["name"]) == [{"name": "x"}]


def test_link_to_nothing_is_no_empty_table(tmp_path: Path) -> None:
    (tmp_path / "table.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(BadInput, match=r"table.csv: is a link to nothing; restore"):
        read_rows(tmp_path / "table.csv", ["name"])


@pytest.mark.parametrize(
    "content", [b"\xff", b"other\nx\n", b"name\nx,y", b"name\nx\n\ny\n", b""]
)
def test_what_is_no_table_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="restore or remove it") as refused:
        read_rows(path, ["name"])
    assert "\n" not in str(refused.value)


if __name__ == "__main__":
    for i in range(ROWS):
        with alone(Path(sys.argv[1])):
            rows = read_rows(Path(sys.argv[1]), ["name"])
            rows.append({"name": f"{sys.argv[2]}{i}"})
            write_rows(Path(sys.argv[1]), ["name"], rows)
