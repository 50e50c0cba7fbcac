"""Tables of measurements as CSV files: read whole, checked, replaced whole."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.reading import in_words, open_regular

Settings = dict[str, Any]  # a JSON object in its column


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a table: its fields are the columns.

    KEY: columns whose values together occur in one row only.
    """

    KEY: ClassVar[tuple[str, ...]]


R = TypeVar("R", bound=Row)


def read_rows(table: Path, kind: type[R]) -> list[R]:
    """Read the rows of a table; none if the file is missing.

    Raises BadInput, with the line, if a value is not of its column's type or a key
    occurs twice.
    """
    name = printable(table)
    try:
        with open_regular(table) as file:
            text = io.StringIO(file.read().decode(), newline="")
        lines = [*csv.reader(text, strict=True)]
    except FileNotFoundError:
        if not table.is_symlink():
            return []
        raise BadInput(f"{name}: a broken link; restore or remove it") from None
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or in_words(error)
        raise BadInput(
            f"{name}: not a table ({reason}); restore or remove it"
        ) from None
    rows: list[R] = []
    keys: dict[bytes, int] = {}
    for number, line in enumerate(lines or [[]], 1):
        try:
            if number == 1 and tuple(line) != kind.__struct_fields__:
                raise ValueError(f"expected {', '.join(kind.__struct_fields__)}")
            if number == 1 or not line:
                continue
            row = _parse(line, kind)
            key = msgspec.json.encode([getattr(row, name) for name in kind.KEY])
            if keys.setdefault(key, number) != number:
                raise ValueError(f"the same {', '.join(kind.KEY)} as line {keys[key]}")
        except (ValueError, RecursionError) as error:
            raise BadInput(
                f"{name}: line {number}: {in_words(error)}; restore or remove the file"
            ) from None
        rows.append(row)
    return rows


def _parse(line: list[str], kind: type[R]) -> R:
    columns = kind.__struct_fields__
    if len(line) != len(columns):
        raise ValueError(f"expected {len(columns)} columns, found {len(line)}")
    values: dict[str, Any] = dict(zip(columns, line, strict=True))
    for field in msgspec.structs.fields(kind):
        if field.type == Settings:
            values[field.name] = msgspec.json.decode(values[field.name], type=dict)
    return msgspec.convert(values, kind, strict=False)


def write_rows(table: Path, kind: type[R], rows: Iterable[R]) -> None:
    """Write all rows; the old file stays until the new one is complete.

    If the table is a link, its target is written.
    """
    with atomic_write(Path(os.path.realpath(table))) as file:
        file.write(to_csv(kind.__struct_fields__, map(as_text, rows)).encode())


def as_text(row: Row) -> dict[str, str]:
    """The values of a row by column, as they stand in its file."""
    return {name: _text(getattr(row, name)) for name in row.__struct_fields__}


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.15g}"  # 3.0 is written 3
    if isinstance(value, dict):
        return msgspec.json.encode(value, order="sorted").decode()
    return "" if value is None else str(value)


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as text with a header line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
