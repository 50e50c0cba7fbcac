"""CIFAR-10 (Krizhevsky 2009), and the binary format that CIFAR-100 shares.

A file holds records of equal length without a header: one byte per label, then the red,
green and blue planes of a 32 x 32 image, each row by row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.idx import ENVIRONMENT, find_folder, numbered_split
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage import artifacts
from visbase.pipeline.storage.reading import open_regular

SUMMARY = "objects: 50,000 + 10,000 colour images of 32 x 32, 10 classes"

SIDE = 32
N_BATCH = 10_000  # images in a file
N_VALIDATION = 5_000  # last training images, which choose settings
MD5 = {  # of the published files
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
ARCHIVES = "https://www.cs.toronto.edu/~kriz/"
ARCHIVE, ARCHIVE_MD5 = "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d13530"
UNPACKED = "cifar-10-batches-bin"  # the folder in the archive
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def load(folder: Path | None = None) -> Dataset:
    """Load the official split; download a missing archive, BadInput if a file is wrong.

    Its validation images are the last 5,000 for training.
    """
    paths = find_files("cifar10", [*MD5], folder, ARCHIVE, ARCHIVE_MD5, UNPACKED)
    batches = [
        read_records(path, N_BATCH, {"label": len(CLASSES)}, MD5[name])
        for name, path in paths.items()
    ]
    images = np.concatenate([images for images, _ in batches])
    labels = np.concatenate([labels[:, 0] for _, labels in batches])
    n = len(images) - N_BATCH
    return Dataset(
        "cifar10",
        numbered_split("train", images[:n], labels[:n]),
        numbered_split("test", images[n:], labels[n:]),
        CLASSES,
        "objects",
        channels=3,
        validation=np.arange(n - N_VALIDATION, n),
    )


def read_records(
    path: Path, n: int, labels: Mapping[str, int], md5: str | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read n records -> images (n, 32, 32, 3) RGB and labels (n, m), both uint8.

    labels: names of the m labels of a record and how many classes each has. Raises
    BadInput if the file is missing, or its size, a label or its MD5 is wrong.
    """
    length = len(labels) + 3 * SIDE * SIDE
    try:
        with open_regular(path) as file:
            content = file.read(n * length + 1)  # never much more than expected
    except FileNotFoundError:
        raise BadInput(f"{path}: missing") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) != n * length:
        found = "more" if len(content) > n * length else len(content)
        raise BadInput(
            f"{path}: expected {n * length} bytes, {n} records of {length}, found "
            f"{found}; is it of the binary version? Fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(n, length)
    for column, (name, n_classes) in enumerate(labels.items()):
        wrong = np.flatnonzero(records[:, column] >= n_classes)
        if len(wrong):
            raise BadInput(
                f"{path}: record {wrong[0]}: expected a {name} from 0 to "
                f"{n_classes - 1}, found {records[wrong[0], column]}; fetch it again"
            )
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 not in (None, digest):
        raise BadInput(
            f"{path}: wrong checksum, expected MD5 {md5}, found {digest}; fetch it "
            "again"
        )
    planes = records[:, len(labels) :].reshape(n, 3, SIDE, SIDE)
    images = np.ascontiguousarray(np.moveaxis(planes, 1, 3))
    return images, records[:, : len(labels)]


def find_files(
    name: str,
    files: list[str],
    folder: Path | None,
    archive: str,
    md5: str,
    unpacked_folder: str,
) -> dict[str, Path]:
    """Return the path of each file; download and unpack the archive if one is missing.

    folder: where the files are, or are in a folder as in the archive; nothing is
    downloaded then. Otherwise VISBASE_DATA or the usual place, see `find_folder`.
    Raises BadInput if files are missing or the archive cannot be had.
    """
    home = find_folder(name, artifacts() / "data" / name, folder, files[0])
    if (home / unpacked_folder).is_dir():
        home = home / unpacked_folder
    paths = {file: home / file for file in files}
    lacking = [file for file, path in paths.items() if not path.exists()]
    if not lacking:
        return paths
    if folder is not None:
        raise BadInput(
            f"{home}: expected the {len(files)} files of {archive}, found no "
            f"{lacking[0]}; is it of the binary version?"
        )
    import pooch

    try:
        unpacked = pooch.retrieve(
            ARCHIVES + archive, f"md5:{md5}", archive, home, pooch.Untar()
        )
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{paths[lacking[0]]}: missing, and {ARCHIVES}{archive} cannot be had "
            f"({type(error).__name__}); unpack it there yourself, or name the folder "
            f"of its files with --data or {ENVIRONMENT}"
        ) from None
    found = {Path(path).name: Path(path) for path in unpacked}
    return {file: found.get(file, paths[file]) for file in files}
