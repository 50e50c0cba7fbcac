"""Findings beyond the table: each file here that assigns ORDER makes one.

A finding is charts, their data and a few sentences. Its file assigns ORDER, the place
on the page; NAME and COLUMNS, the name and header of the CSV file; and defines
find(folder, dataset, runs) -> Finding or None, which reads the measurements in the
folder, or computes something else from the runs of all methods.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, cast

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import (
    CorruptionErrors,
    Cost,
    CurvePoint,
    is_committed,
    read_measurements,
)
from visbase.pipeline.experiments.measured.demonstrations import (
    AugmentationErrors,
    GradientNorm,
    Patch,
)
from visbase.pipeline.storage import declarations
from visbase.pipeline.storage.reading import listed
from visbase.pipeline.storage.tables import Row, as_text, to_csv
from visbase.reports import findings
from visbase.reports.charts import Chart, Picture
from visbase.reports.measures import Runs

M = TypeVar(
    "M", AugmentationErrors, CorruptionErrors, Cost, CurvePoint, GradientNorm, Patch
)


@dataclass(frozen=True)
class Finding:
    """Charts, their data and what they show.

    name: of the CSV file; sentences: computed from the rows; columns and rows: the data
    as written to the CSV file; head and table: the summary shown on the page; section:
    where on the page, "worth", "networks", "writers", "agreement" or "lecture";
    pictures: below the charts.
    """

    name: str
    title: str
    sentences: list[str]
    charts: Sequence[Chart]
    columns: tuple[str, ...]
    rows: Sequence[Row]
    head: tuple[str, ...]
    table: list[tuple[str, ...]]
    section: str = "worth"
    pictures: Sequence[Picture] = ()

    @property
    def csv(self) -> str:
        return to_csv(self.columns, map(as_text, self.rows))


class FindingFile(Protocol):
    """What a file of this package defines, see above."""

    ORDER: int
    NAME: str
    COLUMNS: tuple[str, ...]

    def find(
        self, folder: Path, dataset: Dataset, runs: Sequence[Runs]
    ) -> Finding | None:
        """Read the measurements in a folder; None if there are none."""


def finding_files() -> list[FindingFile]:
    """Import the files of this package, sorted by ORDER."""
    orders = declarations(findings, "ORDER")
    names = sorted(orders, key=lambda name: (orders[name], name))
    return [
        cast(FindingFile, importlib.import_module(f"{findings.__name__}.{name}"))
        for name in names
    ]


def find_findings(
    folder: Path, dataset: Dataset, runs: Sequence[Runs]
) -> list[Finding]:
    """Return all findings about a dataset, in the order of the page.

    folder: holds one folder per kind of measurement; runs: of all methods.
    """
    made = (file.find(folder, dataset, runs) for file in finding_files())
    return [finding for finding in made if finding is not None]


def families(rows: Iterable[CurvePoint | CorruptionErrors | Cost]) -> dict[str, str]:
    """Return the family of each method in the rows."""
    return {row.method: row.family for row in rows}


def read_evidence(table: Path, kind: type[M]) -> list[M]:
    """Read measurements; BadInput if uncommitted code made any of them."""
    rows = read_measurements(table, kind)
    for row in rows:
        if not is_committed(row.commit):
            raise BadInput(
                f"{table}: {getattr(row, 'method', 'a row')} was measured by "
                "uncommitted code; commit and measure again, or move the file away"
            )
    return rows


def tables(folder: Path) -> list[Path]:
    """List the CSV files in a folder, sorted by name."""
    return listed(folder, "*.csv")


def machine(row: AugmentationErrors | GradientNorm | Patch) -> str:
    """Say where a table was measured."""
    return f"Measured on {row.cpu}, {row.n_cores} core{'s' * (row.n_cores != 1)}."
