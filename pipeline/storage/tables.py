"""Tables of measurements as CSV files: read whole, replaced whole."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.reading import open_regular


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
    while lines and not lines[-1]:  # empty lines at the end
        lines.pop()
    for i, line in enumerate([found, *lines], 1):
        if len(line) != len(columns) or (i == 1 and line != list(columns)):
            raise BadInput(
                f"{name}: line {i}: expected a full row of the columns "
                f"{', '.join(columns)}; restore or remove it"
            )
    return [dict(zip(columns, line, strict=True)) for line in lines]


def write_rows(
    table: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Write all rows; the old file stays until the new one is complete.

    Where the table is a link, what it leads to is written.
    """
    with atomic_write(Path(os.path.realpath(table))) as file:
        file.write(to_csv(columns, rows).encode())


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as text with a head line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
