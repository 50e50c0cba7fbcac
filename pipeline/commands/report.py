"""The command that compares all recorded runs."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import (
    data_option,
    dataset_option,
    nested_option,
)
from visbase.pipeline.errors import BadInput


@click.command()
@dataset_option
@data_option
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    show_default="artifacts/report/DATASET",
    help="Folder for the report.",
)
@click.option(
    "--readme",
    "readmes",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    help="Markdown file whose marked tables and findings to update; may be repeated.",
)
@nested_option
@ends_in_one_line
def report(
    dataset: str,
    data: Path | None,
    out: Path | None,
    readmes: tuple[Path, ...],
    nested: bool,
) -> None:
    """Compare all recorded runs in a table and on a page.

    Prints the table and also writes it as comparison.md, .csv, .json and .tex. The
    page, index.html, is a single file that contains every figure. For folder:PATH, it
    reports the runs of `visbase run` as `visbase compare` does.

    Example: visbase report --dataset mnist --out comparison
    """
    from visbase.pipeline.datasets import FOLDER, folder_named, load_dataset
    from visbase.pipeline.storage import artifacts, results

    if dataset.startswith(FOLDER):
        if data is not None or readmes:
            raise BadInput(f"--dataset {dataset}: leave out --data and --readme")
        comparison = importlib.import_module("visbase.comparison")
        comparison.report(folder_named(dataset), out, nested=nested).show()
        return
    loaded = load_dataset(dataset, data, nested=nested)
    folder = out or artifacts() / "report" / dataset
    # imported by name, like methods: no file in pipeline/ may depend on reports/
    reports = importlib.import_module("visbase.reports.write")
    reports.make_report(loaded, results(), folder, readmes)
    click.echo(f"written to {folder}", err=True)
