"""The command that compares methods on a folder, and the one that runs each method."""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import (
    device_option,
    folder_options,
    jobs_option,
)
from visbase.pipeline.errors import BadInput


@click.command()
@click.argument("path")
@click.option(
    "--methods",
    metavar="NAMES",
    help="Methods to add to the usual ones, separated by commas.",
)
@click.option("--quick", is_flag=True, help="Smaller settings and fewer photographs.")
@click.option(
    "--repeats",
    metavar="N",
    type=click.IntRange(1, 100),
    show_default="5, and 1 for slow methods",
    help="Number of random splits.",
)
@folder_options
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    show_default="artifacts/compare/NAME",
    help="Folder for the page.",
)
@jobs_option
@device_option
@ends_in_one_line
def compare(
    path: str,
    methods: str | None,
    quick: bool,
    repeats: int | None,
    out: Path | None,
    **splitting: Any,
) -> None:
    """Compare methods on a folder of photographs.

    PATH has one folder per class, or train and test with such folders; without these, a
    fifth of each class is for testing. Trains and tests `majority`, `pretrained`,
    `bovw_fisher` and `resnet` on the same splits, prints a table and three sentences,
    and writes a page with every mistake. Run it again after an interruption: it
    continues.

    Example: visbase compare photos --quick
    """
    if not path:
        raise BadInput("PATH is empty; expected a folder of photographs")
    from visbase.pipeline.datasets import FOLDER, folder_named

    # imported by name: no file in pipeline/ may depend on reports/
    comparison = importlib.import_module("visbase.comparison")
    result = comparison.compare(
        folder_named(path) if path.startswith(FOLDER) else path,
        methods=[name for name in (methods or "").split(",") if name],
        quick=quick,
        repeats=repeats,
        out=out,
        **splitting,
    )
    result.show()
    if any(row.failure is not None for row in result.rows):
        sys.exit(1)


@click.command()
@click.argument("tasks")
@ends_in_one_line
def contestant(tasks: str) -> None:
    """Run one method of a comparison; `compare` starts it."""
    import msgspec

    from visbase.pipeline.experiments.contestant import Task, run_task

    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        # a path may have bytes that are not UTF-8, which msgspec does not read
        for task in msgspec.convert(json.loads(tasks), list[Task]):
            for record in run_task(task):
                print(record.line(), flush=True)
    except BadInput as error:
        print(f"failed: {error}", flush=True)
        sys.exit(2)


def _end_with_parent() -> None:
    """End this process when the one that started it has ended, even if killed."""
    sys.stdin.read()
    os._exit(1)
