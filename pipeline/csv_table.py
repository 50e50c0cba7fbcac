"""Tables of measurements as CSV files: read whole, replaced whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.atomic import atomic_write
from pipeline.errors import BadInput


def read_rows(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows by column, none where there is no file; BadInput for another table."""
    if not table.exists():
        return []
    try:
        with open(table, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            rows, found = list(reader), list(reader.fieldnames or ())
    except (OSError, ValueError, csv.Error) as error:
        raise BadInput(f"{table}: cannot be read ({error}); remove it") from None
    uneven = any(None in row or None in row.values() for row in rows)
    if found != list(columns) or uneven:
        raise BadInput(
            f"{table}: expected full rows of the columns {', '.join(columns)}; "
            "restore or remove it"
        )
    return rows


def write_rows(
    table: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Write all rows; the old file stays until the new one is complete."""
    with atomic_write(table) as file:
        file.write(to_csv(columns, rows).encode())


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as text with a head line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
