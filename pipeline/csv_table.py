"""Tables of measurements as CSV files: read whole, replaced whole, one at a time."""

from __future__ import annotations

import csv
import fcntl
import functools
import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.atomic import atomic_write
from pipeline.errors import BadInput, printable
from pipeline.regular_file import open_regular


@contextmanager
def alone(table: Path) -> Iterator[None]:
    """Wait until no other process changes a table of this folder, then keep them off.

    Whoever adds a row reads the table inside, so that no row of another is lost. The
    folder itself is locked: no file is left, and a killed process holds nothing. A
    line tells where the file system has no such locks.
    """
    table.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(table.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
        except OSError as error:  # as on some network file systems
            _tell_no_lock(table.parent, error.strerror)
        yield
    finally:
        os.close(folder)


@functools.cache
def _tell_no_lock(folder: Path, reason: str) -> None:
    print(
        f"{printable(folder)}: cannot be locked ({reason}); run one command at a time",
        file=sys.stderr,
    )


def read_rows(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows by column, none where there is no file; BadInput for another table."""
    name = printable(table)
    try:
        with open_regular(table) as file:
            text = io.StringIO(file.read().decode(), newline="")
        reader = csv.DictReader(text, strict=True)
        rows, found = list(reader), list(reader.fieldnames or ())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"{name}: cannot be read ({error.strerror})") from None
    except (ValueError, csv.Error) as error:
        raise BadInput(f"{name}: is no table ({error}); restore or remove it") from None
    uneven = any(None in row or None in row.values() for row in rows)
    if found != list(columns) or uneven:
        raise BadInput(
            f"{name}: expected full rows of the columns {', '.join(columns)}; "
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
