"""Click commands: options choose, modules do; heavy imports wait for their use."""

from __future__ import annotations

import importlib

import click

COMMANDS = {  # name -> the file here that has it
    "methods": "lists",
    "datasets": "lists",
    "run": "run",
    "search": "search",
    "report": "report",
    "predict": "models",
    "explain": "models",
    "export": "models",
    "curve": "measure",
    "corruption": "measure",
    "cost": "measure",
    "combine": "measure",
}
RENAMED = {"damage": "corruption"}  # until version 0.3


class _Loaded(click.Group):
    """Imports a command's file when the command is asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name in RENAMED:
            raise click.UsageError(f"`{name}` is now `visbase {RENAMED[name]}`")
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{COMMANDS[name]}")
        command: click.Command = getattr(module, name)
        return command


@click.group(cls=_Loaded)
@click.version_option(package_name="visbase")
def main() -> None:
    """How far do classical features go against a CNN, on this data?"""
