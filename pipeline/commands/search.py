"""The command that chooses settings on validation images."""

from __future__ import annotations

import os
from pathlib import Path

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import (
    data_option,
    dataset_option,
    device_option,
    jobs_option,
    seed_option,
    skip_bad_option,
    train_per_class_option,
)


@click.command()
@click.argument("name", metavar="METHOD")
@dataset_option
@data_option
@train_per_class_option
@skip_bad_option
@click.option(
    "--train",
    "n_train",
    type=click.IntRange(min=1),
    help="Train on the first N images only [default: all that do not validate].",
)
@seed_option
@jobs_option
@device_option
@ends_in_one_line
def search(
    name: str,
    dataset: str,
    data: Path | None,
    train_per_class: int | None,
    skip_bad: bool,
    n_train: int | None,
    seed: int,
    jobs: int | None,
    device: str,
) -> None:
    """Try a method's SEARCH settings on held-out training images, never on the test.

    Adds each trial to docs/search/DATASET/METHOD.csv, or for a folder of photographs
    to artifacts/search; trials already there are kept.

    Example: visbase search bovw_grid --train 10000
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.experiments.search import search_method
    from visbase.pipeline.models.methods import find_method

    os.environ["VISBASE_DEVICE"] = device
    if jobs:
        os.environ["VISBASE_JOBS"] = str(jobs)
    loaded = load_dataset(
        dataset, data, train_per_class=train_per_class, seed=seed, skip_bad=skip_bad
    )
    for trial in search_method(find_method(name), seed, loaded, n_train):
        click.echo(trial)
