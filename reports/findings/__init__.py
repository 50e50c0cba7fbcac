"""Findings beyond the table: one file here that says ORDER is one of them.

A finding is a chart, its data and what it shows in sentences. Its file says ORDER, its
place on the page; NAME and COLUMNS, of the CSV file of its data; and find(folder,
dataset) -> Finding or None, which reads what was measured under the reports' folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import is_committed, read_measurements
from visbase.pipeline.storage import declarations
from visbase.pipeline.storage.reading import listed
from visbase.pipeline.storage.tables import Row, as_text, to_csv
from visbase.reports import findings

Rows = Sequence[dict[str, str]]


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


class FindingFile(Protocol):
    """What a file of this package says, see above."""

    ORDER: int
    NAME: str
    COLUMNS: tuple[str, ...]

    def find(self, folder: Path, dataset: Dataset) -> Finding | None:
        """From the measurements in a folder; None where nothing was measured."""


def finding_files() -> list[FindingFile]:
    """The files of this package in the order of the page."""
    orders = declarations(findings, "ORDER")
    names = sorted(orders, key=lambda name: (orders[name], name))
    return [
        cast(FindingFile, importlib.import_module(f"{findings.__name__}.{name}"))
        for name in names
    ]


def find_findings(folder: Path, dataset: Dataset) -> list[Finding]:
    """What was measured beyond the table, in the order of the page.

    folder: where the measurements of each kind have their own folder.
    """
    found = (file.find(folder, dataset) for file in finding_files())
    return [one for one in found if one is not None]


def families(rows: Rows) -> dict[str, str]:
    """Family of each method that the rows are about."""
    return {row["method"]: row["family"] for row in rows}


def read_evidence(table: Path, kind: type[Row]) -> list[dict[str, str]]:
    """`read_measurements`; BadInput for what uncommitted code measured as well."""
    rows = [as_text(row) for row in read_measurements(table, kind)]
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
