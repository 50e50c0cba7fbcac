"""Where the program reads and writes; both places can be moved by the environment."""

from __future__ import annotations

import os
from pathlib import Path

import visbase

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
    """Tables of a measurement beside the records: "curves", "damage", "cost"."""
    return results().parent / what
