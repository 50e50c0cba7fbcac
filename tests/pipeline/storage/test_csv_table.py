"""Tables are read whole or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.tables import Row, read_rows, write_rows


class Name(Row, frozen=True, kw_only=True):
    KEY = ("name",)
    name: str


def test_missing_table_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "table.csv", Name) == []


def test_empty_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("name\nx\n\ny\n\n\n")
    assert read_rows(path, Name) == [Name(name="x"), Name(name="y")]


def test_link_to_a_table_is_kept(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "table.csv")
    with pytest.raises(BadInput, match=f"^{link}: "):  # not an empty table
        read_rows(link, Name)
    write_rows(link, Name, [Name(name="x, y")])
    assert link.is_symlink()
    assert read_rows(tmp_path / "table.csv", Name) == [Name(name="x, y")]


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"other\nx\n", b"name\nx,y", b'name\n"x', b"name\nx\nx\n"]
)
def test_content_that_is_no_table_is_refused_in_one_line(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_rows(path, Name)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
