"""Tables are read whole or refused, and changed by one process at a time."""

import errno
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.tables import Row, read_rows, write_rows

N_ROWS = 40


class Name(Row, frozen=True, kw_only=True):
    KEY = ("name",)
    name: str


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def test_missing_table_and_empty_lines_have_no_rows(table: Path) -> None:
    assert read_rows(table, Name) == []
    table.write_text("name\nx\n\ny\n\n\n")
    assert read_rows(table, Name) == [Name(name="x"), Name(name="y")]


def test_link_to_a_table_is_kept(tmp_path: Path, table: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(table)
    with pytest.raises(BadInput, match=f"^{link}: "):  # not an empty table
        read_rows(link, Name)
    write_rows(link, Name, [Name(name="x, y")])
    assert link.is_symlink()
    assert read_rows(table, Name) == [Name(name="x, y")]


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"other\nx\n", b"name\nx,y", b'name\n"x']
)
def test_content_that_is_no_table_is_one_line(table: Path, content: bytes) -> None:
    table.write_bytes(content)
    with pytest.raises(BadInput, match=rf"^{table}: .*\Z"):
        read_rows(table, Name)


def add_rows(table: Path, prefix: str) -> None:
    for i in range(N_ROWS):
        with locked(table.parent):
            rows = read_rows(table, Name)
            write_rows(table, Name, [*rows, Name(name=f"{prefix}{i}")])


def test_two_processes_that_add_to_a_table_lose_no_row(tmp_path: Path) -> None:
    table = tmp_path / "deep" / "table.csv"
    command = [sys.executable, __file__, str(table)]
    processes = [subprocess.Popen([*command, prefix]) for prefix in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    names = {row.name for row in read_rows(table, Name)}
    assert names == {f"{prefix}{i}" for prefix in "ab" for i in range(N_ROWS)}
    assert [path.name for path in table.parent.iterdir()] == ["table.csv"]


def test_file_system_without_locks_is_reported_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with locked(tmp_path):
        (tmp_path / "file").touch()
    line = capsys.readouterr().err
    assert line.startswith(f"{tmp_path}: ") and "No locks available" in line


def test_process_that_waits_for_another_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def wait() -> None:
        with locked(tmp_path):
            pass

    waiting = threading.Thread(target=wait)
    with locked(tmp_path):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join()
    assert capsys.readouterr().err.startswith(f"{tmp_path}: waiting")


if __name__ == "__main__":
    add_rows(Path(sys.argv[1]), sys.argv[2])
