"""Where the program reads and writes, and how it finds its own parts.

The environment can move the folders of artifacts and results.
"""

from __future__ import annotations

import ast
import os
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import visbase
from visbase.pipeline.errors import BadInput

PACKAGE = Path(visbase.__file__).resolve().parent
ROOT = PACKAGE.parent  # of a checkout; of an installation, site-packages


def is_checkout() -> bool:
    """Whether this code runs from a checkout, not from an installation."""
    return (ROOT / "pyproject.toml").is_file() and (ROOT / "docs").is_dir()


def artifacts() -> Path:
    """Folder of caches, downloads, models and quick runs; deleting it costs time only.

    It is in the working folder: nothing is written into an installation.
    """
    return Path(os.environ.get("VISBASE_ARTIFACTS") or "artifacts").absolute()


def results() -> Path:
    """Folder of the records of full runs; an installation has them too."""
    here = (PACKAGE / "reports" / "results").resolve()
    return Path(os.environ.get("VISBASE_RESULTS") or here)


def measured(what: str) -> Path:
    """Folder of a measurement's tables: "curves", "corruption", "cost"..."""
    return results().parent / what


def declarations(package: ModuleType, name: str) -> dict[str, Any]:
    """Map the modules of a package that assign to a global name to its value.

    This is how a new file becomes a new method, dataset, measure or corruption: it is
    read, not imported. The value is None if it is not a literal.
    """
    values: dict[str, Any] = {}
    for place in package.__path__:
        for path in sorted(Path(place).glob("*.py")):
            try:
                assigned = _assigned(path.read_text(encoding="utf-8"))
            except (SyntaxError, ValueError) as error:
                raise BadInput(f"{path}: not a Python file ({error})") from None
            if name in assigned:
                values[path.stem] = assigned[name]
    return values


@cache  # each file is asked for several names: parsing all takes 20 ms
def _assigned(source: str) -> dict[str, Any]:
    """Map the global names that a source assigns to their values if literal."""
    values: dict[str, Any] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                values[target.id] = _literal(node.value)
    return values


def _literal(node: ast.expr | None) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError):
        return None
