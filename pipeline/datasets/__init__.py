"""Data sets by name: one file here that says SUMMARY is one data set.

SUMMARY is a line for lists, load(folder) -> Dataset. `folder:PATH` is the data set of
the photographs in a folder.
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
    """The summary of every data set by its name."""
    return declarations(datasets, "SUMMARY")


def load_dataset(
    name: str,
    folder: Path | None = None,
    *,
    train_per_class: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
) -> Dataset:
    """Load a data set by name; `folder` replaces the place where it looks for files.

    The name `folder:PATH` loads photographs; train_per_class, seed and skip_bad are
    for them alone, see load_folder.
    """
    if name.startswith(FOLDER):
        if folder is not None:
            raise BadInput(f"--data {folder}: {FOLDER}PATH says where the files are")
        return _load_folder(name, train_per_class, seed, skip_bad)
    if train_per_class is not None or skip_bad:
        option = "--skip-bad" if train_per_class is None else "--train-per-class"
        raise BadInput(f"{option} is for {FOLDER}PATH; {name} is complete and split")
    names = find_datasets()
    if name not in names:
        raise BadInput(
            f"no data set {name!r}; there are: {', '.join(names)}, {FOLDER}PATH"
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
    # the shell expands a tilde only where a word begins
    try:
        root = Path.home() / path[2:] if path.startswith("~/") else Path(path)
    except RuntimeError:
        raise BadInput(f"--dataset {name}: nothing says where ~ is; set HOME") from None
    return load_folder(root, train_per_class, seed, skip_bad)
