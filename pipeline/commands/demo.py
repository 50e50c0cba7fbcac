"""The command that opens a page on which models answer drawings and photographs."""

from __future__ import annotations

from pathlib import Path

import click

from visbase.pipeline.commands.endings import ends_in_one_line


@click.command()
@click.argument(
    "paths", metavar="[MODEL]...", nargs=-1, type=click.Path(path_type=Path)
)
@click.option("--no-browser", is_flag=True, help="Only print the page's address.")
@ends_in_one_line
def demo(paths: tuple[Path, ...], no_browser: bool) -> None:
    """Open a page where models answer side by side.

    Draw a digit, or drop or take a photograph: every MODEL, a file written by `visbase
    run METHOD --save MODEL`, answers at once with its label, probabilities and time,
    and shows its evidence. Without MODEL, the two best models in the working folder and
    in artifacts/ answer. The page is on 127.0.0.1 and works offline. Needs the extra
    `demo`.

    Example: visbase demo lenet5.visbase bovw_grid.visbase
    """
    from visbase.pipeline.demo.candidates import load_models
    from visbase.pipeline.demo.server import serve

    serve(load_models(paths), not no_browser)
