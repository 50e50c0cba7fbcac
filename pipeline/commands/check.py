"""The command that reports what is in a folder of photographs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import jobs_option


@click.command()
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "--nested",
    is_flag=True,
    help="Take folders within class folders as classes, named by their path.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@jobs_option
@ends_in_one_line
def check(path: Path, nested: bool, as_json: bool) -> None:
    """Check a folder of photographs before training on it.

    Prints its classes, split, image sizes, near-duplicates and what needs a decision:
    unreadable files, copies across classes or across the split, blank images, classes
    with fewer than two images or with names that differ in capitals only. The exit
    status is 1 if anything does.

    Example: visbase check photos
    """
    import msgspec

    from visbase.pipeline.datasets.class_images import examine
    from visbase.pipeline.datasets.findings import decisions, describe

    found = examine(path, nested=nested)
    needed = decisions(found)
    if as_json:
        facts = msgspec.to_builtins(found) | {"decisions": needed}
        click.echo(msgspec.json.format(msgspec.json.encode(facts), indent=1))
    else:
        lines = [f"- {line}" for line in needed]
        heading = ["Needs a decision:"] if lines else ["Nothing needs a decision."]
        click.echo("\n".join([*describe(found), *heading, *lines]))
    if needed:
        sys.exit(1)
