"""The command that compares all recorded runs."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import data_option, dataset_option
from visbase.pipeline.errors import BadInput


@click.command()
@dataset_option
@data_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to [default: artifacts/report/DATASET].",
)
@click.option(
    "--readme",
    "readmes",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    help="Markdown file whose marked tables and findings are renewed; repeatable.",
)
@ends_in_one_line
def report(
    dataset: str, data: Path | None, out: Path | None, readmes: tuple[Path, ...]
) -> None:
    """Compare all recorded runs: print the table, write it and a page about it.

    The folder gets comparison.md, .csv, .json and .tex, and index.html, which holds
    everything in one file.

    Example: visbase report --dataset mnist --out comparison
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.storage import artifacts, results

    if dataset.startswith("folder:"):
        raise BadInput("reports are of named data sets; a folder's records stay apart")
    loaded = load_dataset(dataset, data)
    folder = out or artifacts() / "report" / dataset
    # found by name, as methods are: nothing here depends on it
    reports = importlib.import_module("visbase.reports.write")
    reports.make_report(loaded, results(), folder, readmes)
    click.echo(f"written to {folder}", err=True)
