"""Tables that several processes add to, or that are none."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
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
