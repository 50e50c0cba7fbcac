"""Commands that list the methods and the datasets."""

from __future__ import annotations

import click

from visbase.pipeline.commands.endings import ends_in_one_line


@click.command()
@click.option(
    "--family",
    type=click.Choice(["classical", "network"]),
    help="List only the methods of this family.",
)
@click.option(
    "--for",
    "kind",
    type=click.Choice(["digits", "objects", "photographs"]),
    help="List only the methods for this kind of image.",
)
@click.option("--names", is_flag=True, help="Print only the names, one per line.")
@ends_in_one_line
def methods(family: str | None, kind: str | None, names: bool) -> None:
    """List the methods.

    Example: visbase methods --family classical --for digits
    """
    from visbase.pipeline.models.methods import find_methods

    for method in find_methods().values():
        if family not in (None, method.family):
            continue
        if kind is not None and kind not in method.kinds:
            continue
        line = f"{method.name:<18}{method.family:<12}{method.summary}"
        click.echo(method.name if names else line)


@click.command()
@ends_in_one_line
def datasets() -> None:
    """List the datasets.

    Example: visbase datasets
    """
    from visbase.pipeline.datasets import find_datasets

    for name, summary in find_datasets().items():
        click.echo(f"{name:<18}{summary}")
