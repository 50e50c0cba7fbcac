"""Tables of measurements as CSV files: read whole, replaced whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.atomic import atomic_write
from pipeline.errors import BadInput, printable
from pipeline.regular_file import open_regular


def read_rows(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows by column, none where there is no file; BadInput for another table."""
    name = printable(table)
    try:
        with open_regular(table) as file:
            text = io.StringIO(file.read().decode(), newline="")
        found, *lines = [*csv.reader(text, strict=True)] or [[]]
    except FileNotFoundError:
        if not table.is_symlink():
            return []
        raise BadInput(f"{name}: is a link to nothing; restore or remove it") from None
    except OSError as error:
        raise BadInput(f"{name}: cannot be read ({error.strerror})") from None
    except (ValueError, csv.Error) as error:
        raise BadInput(f"{name}: is no table ({error}); restore or remove it") from None
    if found != list(columns) or any(len(line) != len(columns) for line in lines):
        raise BadInput(
            f"{name}: expected full rows of the columns {', '.join(columns)}; "
            "restore or remove it"
        )
    return [dict(zip(columns, line, strict=True)) for line in lines]


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
