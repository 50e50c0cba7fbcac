"""Where the program reads and writes; both places can be moved by the environment."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def artifacts() -> Path:
    """Caches, downloads, models and quick runs; deleting it costs time only."""
    return Path(os.environ.get("VISBASE_ARTIFACTS") or ROOT / "artifacts")


def results() -> Path:
    """Records of full runs, one folder a dataset."""
    return Path(os.environ.get("VISBASE_RESULTS") or ROOT / "reports" / "results")


def measured(what: str) -> Path:
    """Tables of a measurement beside the records: "curves", "damage", "cost"."""
    return results().parent / what
