"""Commands that list the methods, the datasets and the lecture's networks."""

from __future__ import annotations

import importlib

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
    """List the methods of the tables.

    The networks of `visbase networks` are methods for photographs, too.

    Example: visbase methods --family classical --for digits
    """
    from visbase.pipeline.models.methods import find_methods

    found = find_methods()
    width = max(map(len, found)) + 2
    for method in found.values():
        if family not in (None, method.family):
            continue
        if kind is not None and kind not in method.kinds:
            continue
        line = f"{method.name:<{width}}{method.family:<12}{method.summary}"
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


@click.command()
@click.argument("network", required=False)
@ends_in_one_line
def networks(network: str | None) -> None:
    """List the ImageNet networks, or the layers of one.

    Multiply-adds and activations (the image and the outputs of all layers) are those of
    one image. "sees" is the side, in pixels, of the square of the image that one output
    of the last map depends on. Errors are published ones, and those that
    `visbase evaluate` found here. NETWORK may also be one that is trained on digits or
    small objects, such as lenet5.

    Example: visbase networks vgg16
    """
    from visbase.pipeline.errors import BadInput
    from visbase.pipeline.evaluation import error_pct
    from visbase.pipeline.experiments.measured import ImageNetErrors
    from visbase.pipeline.storage import PACKAGE, artifacts
    from visbase.pipeline.storage.tables import read_rows

    if network is not None:
        # imported by name: no file in pipeline/ may depend on cnn/ or reports/
        try:
            page = importlib.import_module("visbase.cnn.inspection.listing")
            lines = page.listing(network)
        except ModuleNotFoundError as error:
            raise BadInput(
                f"the layers of a network need {error.name}, which is not installed: "
                "run `pip install -c requirements.lock -e '.[pretrained]'`"
            ) from None
        click.echo("\n".join(lines))
        return
    finding = importlib.import_module("visbase.reports.findings.imagenet")
    found = finding.find((PACKAGE / "reports").resolve())
    table = [found.head, *found.table]
    ours = {
        row.network: f"{error_pct(row.n_wrong_1, row.n_photographs):.2f} / "
        f"{error_pct(row.n_wrong_5, row.n_photographs):.2f}"
        for row in read_rows(artifacts() / "evaluations.csv", ImageNetErrors)
    }
    if not ours.keys().isdisjoint(row[0] for row in found.table):
        cells = ["evaluated here", *(ours.get(row[0], "") for row in found.table)]
        table = [(*r[:-1], cell, r[-1]) for r, cell in zip(table, cells, strict=True)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [text.rjust(width) for text, width in zip(row, widths, strict=True)]
        line = [row[0].ljust(widths[0]), *cells[1:-1], row[-1]]
        click.echo("  ".join(line).rstrip())
