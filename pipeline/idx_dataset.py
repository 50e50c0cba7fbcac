"""Data sets that are published as MNIST's four IDX files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.data import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.idx import IdxFile, read_idx
from visbase.pipeline.storage.atomic import atomic_write

ENVIRONMENT = "VISBASE_DATA"


def load_idx_dataset(
    name: str,
    files: Sequence[IdxFile],
    classes: tuple[str, ...],
    mirrors: Sequence[str],
    home: Path,
    folder: Path | None,
) -> Dataset:
    """Read, check and label the four files; download the ones that are missing.

    files: training images, training labels, test images, test labels; mirrors: URLs
    that end in a slash; home: where the files are unless `folder` or the environment
    variable VISBASE_DATA names another place (its subfolder of the data set's name
    comes first). Raises BadInput where a file is wrong or cannot be had.
    """
    elsewhere = folder or os.environ.get(ENVIRONMENT) or None
    if elsewhere is not None:
        home = Path(elsewhere)
        if not home.is_dir():
            raise BadInput(f"{home}: expected a folder with {files[0].name}")
        if (home / name).is_dir():
            home = home / name
    arrays = []
    for file in files:
        path = home / file.name
        if not path.exists():
            _download(file, mirrors, path)
        arrays.append(read_idx(path, file))
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(
        name,
        _split("train", train_images, train_labels),
        _split("test", test_images, test_labels),
        classes,
    )


def _split(part: str, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    names = [f"{part}/{label}/{i}" for i, label in enumerate(labels)]
    return Split(images, labels.astype(np.int64), names)


def _download(file: IdxFile, mirrors: Sequence[str], path: Path) -> None:
    """Fetch a file to `path`; it appears there only once its content was checked."""
    import pooch

    reasons = []
    fetch = pooch.HTTPDownloader()
    for mirror in mirrors:
        try:
            # beside its place: whatever a killed process leaves, the next one removes
            with atomic_write(path) as partial:
                fetch(mirror + file.name, partial, None)
                partial.flush()
                # mirrors pack differently: the content is checked, not the file
                read_idx(Path(partial.name), file)
            return
        except (OSError, BadInput, ValueError) as error:
            # the folder, named below, would leave no room for the reason
            reason = " ".join(str(error).replace(f"{path.parent}/", "").split())
            reasons.append(f"{mirror}: {reason[:120]}")
    raise BadInput(
        f"{path}: missing, and no mirror had it ({'; '.join(reasons)}); put "
        f"{file.name} there by hand or name its folder with --data or {ENVIRONMENT}"
    )
