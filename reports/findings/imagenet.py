"""The networks of the lecture's ImageNet table, computed, beside published errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.experiments.measured import (
    ImageNetNetwork,
    NetworkLayer,
    read_measurements,
)
from visbase.pipeline.storage.tables import read_rows
from visbase.reports.findings import Finding, tables
from visbase.reports.findings.layers import chart
from visbase.reports.measures import Runs

ORDER = 60
NAME = "imagenet"
COLUMNS = ImageNetNetwork.__struct_fields__
HEAD = (
    *("network", "year", "layers", "parameters", "multiply-adds", "activations (MB)"),
    *("sees (px)", "top-1 error (%)", "top-5 error (%)", "source of the errors"),
)


def find(
    folder: Path, _dataset: Dataset | None = None, _runs: Sequence[Runs] = ()
) -> Finding | None:
    """Read layers/imagenet.csv in the reports' folder, whatever the dataset."""
    networks = read_rows(folder / "layers" / "imagenet.csv", ImageNetNetwork)
    if not networks:
        return None
    drawn = tables(folder / "layers" / "imagenet")
    return Finding(
        name=NAME,
        title="The lecture's ImageNet networks, with published errors of single models",
        sentences=[],
        charts=[chart(read_measurements(path, NetworkLayer)) for path in drawn],
        columns=COLUMNS,
        rows=networks,
        head=HEAD,
        table=[_line(row) for row in networks],
        section="lecture",
    )


def _line(row: ImageNetNetwork) -> tuple[str, ...]:
    top1, top5 = row.top1_error_pct, row.top5_error_pct
    return (
        row.network,
        str(row.year),
        str(row.n_layers),
        f"{row.n_parameters:,}",
        f"{row.multiply_adds:,}",
        f"{row.activation_bytes / 1e6:.1f}",
        str(row.field_px),
        f"{top1:.2f}" if top1 else "",
        f"{top5:.2f}" if top5 else "",
        row.source,
    )
