"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

dataset_option = click.option(
    "--dataset",
    default="mnist",
    show_default=True,
    help="Name of a data set, or folder:PATH for photographs of your own.",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder that holds the data set's files [default: where it ships].",
)
preset_option = click.option(
    "--preset",
    type=click.Choice(["full", "quick"]),
    default="full",
    show_default=True,
    help="quick takes seconds and never enters the table.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Threads for loops over images [default: one a core].",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="tcp://HOST:PORT",
    help="Dask scheduler whose workers find and encode descriptors; else unused.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    envvar="VISBASE_DEVICE",
    help="Where networks are trained.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one field of the method's preset.",
)
train_per_class_option = click.option(
    "--train-per-class",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of a folder without train and test: random images a class that train.",
)
skip_bad_option = click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out a folder's files that cannot be read, instead of stopping.",
)
save_option = click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="MODEL",
    help="File for the fitted model, which `visbase predict` opens.",
)
licence_option = click.option(
    "--licence",
    default="unspecified",
    show_default=True,
    help="Text for the model's card: under which terms it may be used.",
)
