"""The networks, layer by layer: shapes, parameters and receptive fields."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.experiments.measured import NetworkLayer, read_measurements
from visbase.reports.charts import Chart
from visbase.reports.findings import Finding, tables
from visbase.reports.measures import Runs

ORDER = 50
NAME = "layers"
COLUMNS = NetworkLayer.__struct_fields__


def find(folder: Path, dataset: Dataset, _runs: Sequence[Runs]) -> Finding | None:
    """Read layers/<dataset>/<method>.csv in the reports' folder; None without any."""
    networks = [
        read_measurements(path, NetworkLayer)
        for path in tables(folder / "layers" / dataset.name)
    ]
    networks.sort(key=lambda rows: sum(row.n_parameters for row in rows))
    if not networks:
        return None
    return Finding(
        name=NAME,
        title="Output shape (above) and parameters (below) of each layer",
        sentences=[],
        charts=[chart(rows) for rows in networks],
        columns=COLUMNS,
        rows=[row for rows in networks for row in rows],
        head=("method", "layer", "output", "parameters", "one output sees"),
        table=[_line(row) for rows in networks for row in rows],
        section="networks",
    )


def chart(rows: Sequence[NetworkLayer]) -> Chart:
    """Draw the layers of one network as boxes side by side."""
    n_parameters = sum(row.n_parameters for row in rows)
    n = rows[0].n_networks
    each = f"{n} networks, each with " if n > 1 else ""
    norms = sum(row.n_parameters for row in rows if not row.maps)
    note = f", {norms:,} of them in batch normalisation" if norms else ""
    return Chart(
        kind="layers",
        title=f"{rows[0].method}: {each}{n_parameters:,} parameters{note}",
        x="layer",
        y="shape",
        rows=[msgspec.structs.asdict(row) for row in rows if row.maps],
    )


def _line(row: NetworkLayer) -> tuple[str, ...]:
    sides = (row.maps, row.height, row.width) if row.height > 1 else (row.maps,)
    field = f"{row.field_px} x {row.field_px} pixels" if row.field_px else "all pixels"
    return (
        row.method,
        row.layer,
        " x ".join(map(str, sides)) if row.maps else "",
        f"{row.n_parameters:,}" if row.n_parameters else "",
        field if row.maps else "",
    )
