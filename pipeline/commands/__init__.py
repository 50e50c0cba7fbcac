"""The command line: options choose, modules do the work.

Heavy libraries are imported only by the command that needs them.
"""

from __future__ import annotations

import importlib

import click

COMMANDS = {  # name -> the file in this folder that defines it
    "methods": "lists",
    "datasets": "lists",
    "networks": "lists",
    "compare": "compare",
    "check": "check",
    "run": "run",
    "search": "search",
    "report": "report",
    "predict": "predict",
    "explain": "models",
    "demo": "demo",
    "export": "models",
    "curve": "measure",
    "corruption": "measure",
    "cost": "measure",
    "combine": "measure",
    "evaluate": "measure",
}
INTERNAL = {"contestant": "compare"}  # not listed: other commands start it
RENAMED = {"damage": "corruption"}  # until version 0.3


class _LazyGroup(click.Group):
    """Imports the file of a command only when that command is used."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name in RENAMED:
            raise click.UsageError(f"`{name}` is now `visbase {RENAMED[name]}`")
        file = (COMMANDS | INTERNAL).get(name)
        if file is None:
            return None
        module = importlib.import_module(f"{__name__}.{file}")
        command: click.Command = getattr(module, name)
        return command


@click.group(cls=_LazyGroup)
@click.version_option(package_name="visbase")
def main() -> None:
    """Compare classical computer-vision features with convolutional networks.

    Example: visbase run bovw_pyramid --preset quick
    """
