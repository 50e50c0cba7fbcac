"""Where the program reads and writes, and which files of ours there are.

The places of artifacts and results can be moved by the environment.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import visbase
from visbase.pipeline.errors import BadInput

PACKAGE = Path(visbase.__file__).resolve().parent
ROOT = PACKAGE.parent  # of a checkout; of an installation, site-packages


def is_checkout() -> bool:
    """Whether this code lies in a checkout, not in an installation."""
    return (ROOT / "pyproject.toml").is_file() and (ROOT / "docs").is_dir()


def artifacts() -> Path:
    """Caches, downloads, models and quick runs; deleting it costs time only.

    In the working folder: nothing is written into an installation.
    """
    return Path(os.environ.get("VISBASE_ARTIFACTS") or "artifacts").absolute()


def results() -> Path:
    """Records of full runs, one folder per data set; an installation has them too."""
    here = (PACKAGE / "reports" / "results").resolve()
    return Path(os.environ.get("VISBASE_RESULTS") or here)


def measured(what: str) -> Path:
    """Tables of a measurement beside the records: "curves", "corruption", "cost"."""
    return results().parent / what


def files_that_say(package: ModuleType, name: str) -> dict[str, Any]:
    """Files of a package that assign to a name, by their own names, in their order.

    One new file is one new method, data set, measure or corruption: it is found by what
    it says, and read without being imported. The value is None where it is no literal.
    """
    found: dict[str, Any] = {}
    for place in package.__path__:
        for path in sorted(Path(place).glob("*.py")):
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (SyntaxError, ValueError) as error:
                raise BadInput(f"{path}: is no Python file ({error})") from None
            for node in tree.body:
                targets: list[ast.expr] = []
                if isinstance(node, ast.Assign):
                    targets = node.targets
                elif isinstance(node, ast.AnnAssign):
                    targets = [node.target]
                if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                    found[path.stem] = _literal(node)
    return found


def _literal(node: ast.stmt) -> Any:
    """What is assigned, None where it is no literal."""
    try:
        return ast.literal_eval(getattr(node, "value"))  # noqa: B009 - of two kinds
    except (ValueError, TypeError):
        return None
