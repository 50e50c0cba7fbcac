"""MNIST (LeCun, Cortes & Burges 1998); its four files are part of the program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from visbase.pipeline.datasets.idx import IdxFile, load_idx_dataset
from visbase.pipeline.datasets.splits import Dataset, Writers
from visbase.pipeline.storage.reading import read_array

SUMMARY = "handwritten digits: 60,000 + 10,000 grey images of 28 x 28, 10 classes"

FILES = (
    IdxFile(
        "train-images-idx3-ubyte.gz",
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        largest=9,
    ),
    IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        largest=9,
    ),
)
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
HOME = Path(__file__).parent / "mnist_files"
CLASSES = tuple("0123456789")
STUDENTS = 4  # the NIST series of high-school students; the others are employees


def load(folder: Path | None = None) -> Dataset:
    """Load the official split and its writers; BadInput if a file is wrong."""
    mnist = load_idx_dataset("mnist", FILES, CLASSES, MIRRORS, HOME, folder, "digits")
    ids, series = read_array(HOME / "writers.npy").astype(np.int64)  # see its README
    writers = Writers(ids, np.where(series == STUDENTS, "students", "employees"))
    n = len(mnist.train)
    return replace(
        mnist,
        train=replace(mnist.train, writers=writers[:n]),
        test=replace(mnist.test, writers=writers[n:]),
    )
