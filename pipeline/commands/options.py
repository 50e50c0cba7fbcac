"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _export_as(variable: str) -> Callable[..., None]:
    """Pass an option on in the environment, which child processes inherit."""

    def export(
        _context: click.Context, _option: click.Parameter, value: object
    ) -> None:
        if value is not None:
            os.environ[variable] = str(value)

    return export


def _dataset_option(text: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        "--dataset", metavar="NAME", default="mnist", show_default=True, help=text
    )


dataset_option = _dataset_option(
    "Name of the dataset, or folder:PATH for your own photographs."
)
named_dataset_option = _dataset_option("Name of the dataset.")
data_option = click.option(
    "--data",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    show_default="files that ship with visbase or are downloaded",
    help="Read a dataset's files from this folder; not for folder:PATH.",
)
preset_option = click.option(
    "--preset",
    type=click.Choice(["full", "quick"]),
    default="full",
    show_default=True,
    help="Settings to use. Runs with quick settings take seconds to a minute on MNIST; "
    "their results never enter the comparison table.",
)
seed_option = click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Seed of all random choices.",
)
jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    show_default="one per core",
    expose_value=False,
    callback=_export_as("VISBASE_JOBS"),
    help="Number of threads that process images.",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="tcp://HOST:PORT",
    show_default="none, only this machine works",
    help="Dask scheduler whose workers extract and encode descriptors.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    envvar="VISBASE_DEVICE",
    expose_value=False,
    callback=_export_as("VISBASE_DEVICE"),
    help="Device that networks run on.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one setting of the preset; may be repeated.",
)
nested_option = click.option(
    "--nested",
    is_flag=True,
    help="Treat folders inside class folders as classes, named by their paths.",
)
FOLDER_OPTIONS = (  # the keywords of `load_folder`
    click.option(
        "--train-per-class",
        type=click.IntRange(min=1),
        metavar="N",
        help="Train on N random images per class, test on the rest; only for folders "
        "without train/ and test/.",
    ),
    click.option(
        "--test-fraction",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        metavar="F",
        help="Test on a random fraction of each class, such as 0.2, and train on the "
        "rest; only for folders without train/ and test/.",
    ),
    click.option(
        "--skip-bad",
        is_flag=True,
        help="Skip unreadable files in a folder instead of stopping.",
    ),
    nested_option,
    click.option(
        "--group-duplicates",
        "duplicates",
        flag_value="group",
        default="group",
        help="Keep near-duplicates on one side of a split by --test-fraction; this is "
        "the default.",
    ),
    click.option(
        "--no-group-duplicates",
        "duplicates",
        flag_value="keep",
        help="Split near-duplicates like other images.",
    ),
    click.option(
        "--drop-duplicates",
        "duplicates",
        flag_value="drop",
        help="Use only the first of several near-duplicates in a folder.",
    ),
)


def folder_options(command: Decorated) -> Decorated:
    """Add the options of a folder of photographs, which `load_dataset` takes."""
    for option in reversed(FOLDER_OPTIONS):
        command = option(command)
    return command


def folder_arguments(values: Mapping[str, Any]) -> list[str]:
    """Return the arguments that give a child process these values of the options."""
    duplicates = {"drop": "--drop-duplicates", "keep": "--no-group-duplicates"}
    arguments: list[str] = []
    for name, value in values.items():
        if name == "duplicates":
            arguments += [duplicates[value]] if value in duplicates else []
        elif value not in (None, False):
            arguments += [f"--{name.replace('_', '-')}"]
            arguments += [] if value is True else [str(value)]
    return arguments


save_option = click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="MODEL",
    show_default="not saved",
    help="Write the fitted model to this file, for `visbase predict`.",
)
licence_option = click.option(
    "--licence",
    metavar="TEXT",
    default="unspecified",
    show_default=True,
    help="Licence to state in the saved model.",
)
