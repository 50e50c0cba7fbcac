"""The command that classifies image files with a saved model."""

from __future__ import annotations

import contextlib
import glob
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.errors import BadInput, printable

if TYPE_CHECKING:
    import numpy as np

    from visbase.pipeline.models.file import Model

SHOWN_FILES = 50  # in a picture


@click.command()
@click.argument("path", metavar="MODEL", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the rows to a CSV file.",
)
@click.option(
    "--unknown",
    "least",
    type=click.FloatRange(0, 1),
    metavar="P",
    default=0.0,
    help="Answer `unknown` where the probability is below P, from 0 to 1.",
)
@click.option(
    "--sort-into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Copy each file into a folder of its label. Nothing is moved or overwritten.",
)
@click.option(
    "--show",
    "picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Also write a picture of the first 50 images as the model sees them; its "
    "extension sets the format.",
)
@click.option(
    "--single",
    is_flag=True,
    help="Refuse images with more than one digit; --sort-into does so, too.",
)
@ends_in_one_line
def predict(
    path: Path,
    images: tuple[str, ...],
    as_json: bool,
    table: Path | None,
    least: float,
    sort_into: Path | None,
    picture: Path | None,
    single: bool,
) -> None:
    """Classify image files with a saved model.

    MODEL is a file written by `visbase run METHOD --save MODEL`. IMAGE is a file, a
    folder, which is searched with its subfolders, a pattern in quotes such as
    'trip/*.jpg', or - for standard input.

    A model of digits finds all digits of an image, without frames, rings and rules. It
    prints a row per digit with its line and box (left, top, right, bottom in pixels),
    and then the number that each line makes.

    Prints a row as soon as an image is done: its label and runner-up with their
    probabilities in percent, and the time in milliseconds from opening the file to the
    scores. Models saved before version 0.3 have scores instead of probabilities; the
    label has the largest. An image with nothing to judge by, such as a blank
    photograph, is `unknown`. Unreadable images, and blank ones for a model of digits,
    are reported and skipped, and the exit status is then 2.

    Example: visbase predict photos.visbase trip --csv trip.csv --unknown 0.7
    """
    from visbase.pipeline.images.photo_files import read_bytes
    from visbase.pipeline.models.file import load_model
    from visbase.pipeline.models.picture import format_of
    from visbase.pipeline.models.predict import UNKNOWN, predict_file, show
    from visbase.pipeline.models.rows import (
        json_rows,
        numbers,
        table_rows,
        write_csv,
    )
    from visbase.pipeline.models.sort_into import copy_into, folders_of

    if images.count("-") > 1:
        raise BadInput("standard input can be read only once; pass - once")
    if "-" in images and sort_into is not None:
        raise BadInput("--sort-into copies files; do not pass - with it")
    if picture is not None:
        format_of(picture)
    model = load_model(path)
    if UNKNOWN in model.classes and (least or sort_into is not None):
        raise BadInput(
            f"{path}: a class is called {UNKNOWN}, as the answer for an image of no "
            "class; rename its folder and train again, or leave out --unknown and "
            "--sort-into"
        )
    if least:
        click.echo(_said_of_unknown(model, least), err=True)
    folders = {} if sort_into is None else folders_of(sort_into, model.classes)
    files, refused = _expand(
        images, {p for p in (path, table, sort_into, picture) if p}
    )
    shown: list[np.ndarray] = []
    with contextlib.ExitStack() as stack:
        print_row = stack.enter_context(
            json_rows(model) if as_json else table_rows(files, model)
        )
        add = stack.enter_context(write_csv(table)) if table is not None else None
        for file in files:
            piped = file == "-"  # read whole, since a pipe cannot be read twice
            try:
                if piped and sys.stdin is None:
                    raise BadInput("standard input: closed")
                source = BytesIO(read_bytes(sys.stdin.buffer)) if piped else Path(file)
                predictions = predict_file(
                    model, file, source, least, single or bool(folders)
                )
            except BadInput as error:
                click.echo(f"visbase: {error}", err=True)
                refused += 1
                continue
            for prediction in predictions:
                if prediction.note:
                    note = f"{printable(file)}: {prediction.note}"
                    click.echo(f"visbase: {note}", err=True)
                print_row(prediction)
                if add is not None:
                    add(prediction)
                if picture is not None and len(shown) < SHOWN_FILES:
                    shown.append(prediction.model_input)
            if len(predictions) > 1 and not as_json:
                for number in numbers(predictions):
                    click.echo(f"{printable(file)}: {number}")
            if folders:
                copy_into(Path(file), folders[predictions[0].label])
    if picture is not None and shown:
        show(shown, picture)
    if refused:
        sys.exit(2)


def _expand(arguments: Sequence[str], own: set[Path]) -> tuple[list[str], int]:
    """Return the files of folders and patterns, and how many arguments have none.

    own: files and folders of this command, which may lie among the images.
    """
    own = {path.resolve() for path in own}
    files, refused = [], 0
    for argument in arguments:
        try:
            expanded = _files_of(argument)
        except OSError as error:
            reason = f"{printable(argument)}: {error.strerror}"
            click.echo(f"visbase: {reason}", err=True)
            refused += 1
            continue
        if expanded != [argument]:
            expanded = [name for name in expanded if not own & _above(Path(name))]
        if not expanded:
            click.echo(f"visbase: {printable(argument)}: no files found", err=True)
            refused += 1
        files += expanded
    return files, refused


def _files_of(argument: str) -> list[str]:
    """The files of one argument: itself, or those of a pattern and of folders."""
    from visbase.pipeline.datasets.class_folders import files_below

    found = [argument]
    if glob.has_magic(argument) and not Path(argument).exists():
        found = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207
    files: list[str] = []
    for name in found:
        is_folder = name != "-" and Path(name).is_dir()
        files += map(str, files_below(Path(name))) if is_folder else [name]
    return files


def _above(path: Path) -> set[Path]:
    """The path itself and the folders that it is in."""
    return {path.resolve(), *path.resolve().parents}


def _said_of_unknown(model: Model, least: float) -> str:
    """Say how often held-out training images would be unknown; BadInput if nobody can.

    Raises BadInput if the model has no calibration.
    """
    calibration = model.require_calibration()
    n, said = len(calibration.right), f"--unknown {least:g}: "
    if not n:
        return f"{said}no training image was held out to say how often it happens"
    below, caught = calibration.unknown(least)
    errors = n - int(calibration.right.sum())
    share = f" ({100 * caught / errors:.0f} %)" if errors else ""
    return (
        f"{said}{below:,} of {n:,} held-out training images ({100 * below / n:.1f} %) "
        f"would be unknown, among them {caught:,} of the {errors:,} errors{share}"
    )
