"""The command that chooses settings on held-out training images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import (
    data_option,
    dataset_option,
    device_option,
    folder_options,
    jobs_option,
    seed_option,
    set_option,
)


@click.command()
@click.argument("name", metavar="METHOD")
@dataset_option
@data_option
@folder_options
@click.option(
    "--train",
    "n_train",
    metavar="N",
    type=click.IntRange(min=1),
    show_default="all that are not held out",
    help="Train on the first N images only.",
)
@click.option(
    "--by-writer/--by-position",
    default=None,
    show_default="by writer if the writers are known, as in MNIST",
    help="Hold out all images of some writers, or the last training images.",
)
@set_option
@seed_option
@jobs_option
@device_option
@ends_in_one_line
def search(
    name: str,
    dataset: str,
    data: Path | None,
    n_train: int | None,
    by_writer: bool | None,
    settings: tuple[str, ...],
    seed: int,
    **of_folder: Any,
) -> None:
    """Try a method's settings on held-out training images.

    The trials are those in the method's SEARCH or, with --set, the full preset with
    these settings alone. The test images are never used. Each trial adds a row to
    docs/search/DATASET/METHOD.csv (docs/search/by_writer/DATASET/METHOD.csv if whole
    writers are held out) or, for your own photographs, to a table in artifacts/search.
    Trials that the table already contains are skipped.

    Example: visbase search bovw_grid --train 10000
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.errors import BadInput
    from visbase.pipeline.experiments.search import search_method, trials_table
    from visbase.pipeline.models.methods import find_method

    method = find_method(name)
    loaded = load_dataset(dataset, data, seed=seed, **of_folder)
    of_data = (loaded.kind, loaded.published_name)
    only = method.configure("full", settings, *of_data) if settings else None
    if by_writer and loaded.train.writers is None:
        raise BadInput(f"--by-writer: the writers of {loaded.name} are not known")
    by_writer = by_writer is not False
    for trial in search_method(method, seed, loaded, n_train, by_writer, only):
        click.echo(trial)
    click.echo(f"all trials: {trials_table(name, loaded, by_writer)}", err=True)
