"""Tables are read whole, or it is told why they are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.tables import read_rows, write_rows


def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "table.csv")
    with pytest.raises(BadInput, match=r"table.csv: cannot be read \(Not a regular"):
        read_rows(tmp_path / "table.csv", ["name"])


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
