"""Something that was measured beyond the table: a chart, its data, one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import read_measurements
from visbase.pipeline.experiments.provenance import is_committed
from visbase.pipeline.storage.reading import listed
from visbase.pipeline.storage.tables import to_csv


@dataclass(frozen=True)
class Finding:
    """name: of its file, NAME.csv; sentences: what it shows, made from the rows.

    columns and rows: the data behind the chart, as they stand in the file; head and
    table: what the page shows of them.
    """

    name: str
    title: str
    sentences: list[str]
    svg: str
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    head: tuple[str, ...]
    table: list[tuple[str, ...]]

    @property
    def csv(self) -> str:
        return to_csv(self.columns, self.rows)


def families(rows: Sequence[dict[str, str]]) -> dict[str, str]:
    """Family of each method that the rows are about."""
    return {row["method"]: row["family"] for row in rows}


def read_evidence(table: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """`read_measurements`; BadInput for what uncommitted code measured as well."""
    rows = read_measurements(table, columns)
    for row in rows:
        if not is_committed(row["commit"]):
            raise BadInput(
                f"{table}: {row['method']} was measured by uncommitted code; commit, "
                "measure again, or move it away"
            )
    return rows


def tables(folder: Path) -> list[Path]:
    """The CSV files of a measurement, in the order of their names."""
    return listed(folder, "*.csv")
