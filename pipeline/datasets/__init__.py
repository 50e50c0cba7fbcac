"""Datasets by name: each file here that assigns SUMMARY is one dataset.

SUMMARY is one line for lists; load(folder) returns a Dataset. The name `folder:PATH`
stands for a folder of photographs.
"""

from __future__ import annotations

import importlib
from pathlib import Path

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
    seed: int = 0,
    skip_bad: bool = False,
) -> Dataset:
    """Load a dataset by name.

    folder: where to look for its files instead of the usual place. The name
    `folder:PATH` loads a folder of photographs, and only it takes train_per_class, seed
    and skip_bad, see `load_folder`.
    """
    if name.startswith(FOLDER):
        if folder is not None:
            raise BadInput(
                f"--data {folder}: leave it out, {FOLDER}PATH names the folder"
            )
        return _load_folder(name, train_per_class, seed, skip_bad)
    if train_per_class is not None or skip_bad:
        option = "--skip-bad" if train_per_class is None else "--train-per-class"
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


def _load_folder(
    name: str, train_per_class: int | None, seed: int, skip_bad: bool
) -> Dataset:
    from visbase.pipeline.datasets.folder import load_folder

    path = name.removeprefix(FOLDER)
    if not path:
        raise BadInput(f"--dataset {name}: expected {FOLDER}PATH, found no path")
    # the shell expands a tilde only at the beginning of a word
    try:
        root = Path.home() / path[2:] if path.startswith("~/") else Path(path)
    except RuntimeError:
        raise BadInput(
            f"--dataset {name}: the home folder ~ is unknown; set HOME"
        ) from None
    return load_folder(root, train_per_class, seed, skip_bad)
