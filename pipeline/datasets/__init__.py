"""Datasets by name: each file here that assigns SUMMARY is one dataset.

SUMMARY is one line for lists; load(folder) returns a Dataset. The name `folder:PATH`
stands for a folder of photographs.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Literal

from visbase.pipeline import datasets
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage import declarations

FOLDER = "folder:"


def find_datasets() -> dict[str, str]:
    """Return the summary of every dataset by its name."""
    return declarations(datasets, "SUMMARY")


def load_dataset(
    name: str,
    folder: Path | None = None,
    *,
    train_per_class: int | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    nested: bool = False,
    duplicates: Literal["group", "drop", "keep"] = "group",
) -> Dataset:
    """Load a dataset by name.

    folder: where to look for its files instead of the usual place. The name
    `folder:PATH` loads a folder of photographs, and only it takes the other arguments,
    see `load_folder`; what was found there is printed on standard error.
    """
    only_folders: dict[str, Any] = {
        "train_per_class": train_per_class,
        "test_fraction": test_fraction,
        "skip_bad": skip_bad,
        "nested": nested,
    }
    if name.startswith(FOLDER):
        if folder is not None:
            raise BadInput(
                f"--data {folder}: leave it out, {FOLDER}PATH names the folder"
            )
        return _load_folder(name, only_folders, seed, duplicates)
    only_folders["drop_duplicates"] = duplicates == "drop"
    for key, value in only_folders.items():
        if value not in (None, False):
            option = f"--{key.replace('_', '-')}"
            raise BadInput(
                f"{option} only applies to {FOLDER}PATH; {name} has its own split"
            )
    names = find_datasets()
    if name not in names:
        raise BadInput(
            f"unknown dataset {name!r}; choose from: {', '.join(names)}, {FOLDER}PATH"
        )
    module = importlib.import_module(f"visbase.pipeline.datasets.{name}")
    dataset: Dataset = module.load(folder)
    return dataset


def folder_named(name: str) -> Path:
    """The folder of `folder:PATH`; BadInput if PATH is empty or has an unknown home."""
    path = name.removeprefix(FOLDER)
    if not path:
        raise BadInput(f"{name}: expected {FOLDER}PATH, found no path")
    # the shell expands a tilde only at the beginning of a word
    try:
        return Path.home() / path[2:] if path.startswith("~/") else Path(path)
    except RuntimeError:
        raise BadInput(f"{name}: the home folder ~ is unknown; set HOME") from None


def _load_folder(
    name: str, options: dict[str, Any], seed: int, duplicates: Any
) -> Dataset:
    from visbase.pipeline.datasets.findings import notes
    from visbase.pipeline.datasets.folder import load_folder

    root = folder_named(name)
    dataset = load_folder(root, seed=seed, duplicates=duplicates, **options)
    assert dataset.findings is not None
    for line in notes(dataset.findings):
        print(line, file=sys.stderr)
    return dataset
