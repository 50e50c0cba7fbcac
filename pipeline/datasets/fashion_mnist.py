"""Fashion-MNIST (Xiao, Rasul & Vollgraf 2017), in the same format as MNIST."""

from __future__ import annotations

from pathlib import Path

from visbase.pipeline.datasets.idx import IdxFile, load_idx_dataset
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.storage import artifacts

SUMMARY = "Zalando articles: 60,000 + 10,000 grey images of 28 x 28, 10 classes"

FILES = (
    IdxFile(
        "train-images-idx3-ubyte.gz",
        (60_000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60_000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        largest=9,
    ),
    IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10_000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10_000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        largest=9,
    ),
)
MIRRORS = (
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load(folder: Path | None = None) -> Dataset:
    """Load the official split; download missing files, BadInput if one is wrong."""
    home = artifacts() / "data" / "fashion_mnist"
    return load_idx_dataset(
        "fashion_mnist", FILES, CLASSES, MIRRORS, home, folder, "objects"
    )
