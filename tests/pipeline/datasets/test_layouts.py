"""Folders as people have them: names of the split, litter, nesting, missing labels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.datasets.builders import noise
from visbase.pipeline.datasets.class_images import examine
from visbase.pipeline.datasets.findings import decisions, notes
from visbase.pipeline.datasets.folder import load_folder
from visbase.pipeline.errors import BadInput


def tree(root: Path, counts: Mapping[str, int]) -> Path:
    """Folders of images of noise: path -> number of images."""
    for path, n in counts.items():
        noise(root / "photos" / path, n)
    return root / "photos"


def two(parent: str, n: int = 2) -> dict[str, int]:
    return {f"{parent}/Coast": n, f"{parent}/Forest": n}


@pytest.mark.parametrize(
    ("train", "other", "said"),
    [
        ("train", "test", "train/ for training, test/ for testing"),
        ("Train", "TEST", "Train/ for training, TEST/ for testing"),
        ("training", "testing", "training/ for training, testing/ for testing"),
        ("train", "val", "train/ for training, val/ for testing"),
        ("train", "Validation", "train/ for training, Validation/ for testing"),
    ],
)
def test_split_is_recognised_and_told(
    tmp_path: Path, train: str, other: str, said: str
) -> None:
    data = load_folder(tree(tmp_path, two(train, 3) | two(other, 1)))
    assert np.bincount(data.train.labels).tolist() == [3, 3]
    assert data.test.names == [f"{other}/Coast/0.png", f"{other}/Forest/0.png"]
    assert data.findings is not None
    assert notes(data.findings) == [f"Folders: {said}."]


def test_classes_one_level_deeper_name_their_folder(tmp_path: Path) -> None:
    root = tree(tmp_path, two("dataset"))
    (root / "__MACOSX").mkdir()
    with pytest.raises(BadInput, match=r"name that folder: .*photos/dataset\Z"):
        examine(root)
    assert examine(root / "dataset").n_images == 4
    (root / "dataset").rename(root / "train")
    with pytest.raises(BadInput, match=r"name that folder: .*photos/train\Z"):
        load_folder(root, test_fraction=0.5)


def test_litter_of_other_systems_is_left_aside_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(tmp_path, two("."))
    litter = ("__MACOSX", "Coast/._0.png", "Coast/.DS_Store", "Forest/Thumbs.db")
    for name in (*litter, "Forest/Desktop.ini", ".git/config", "labels.csv"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(root / "artifacts"))
    load_folder(root, test_fraction=0.5)
    data = load_folder(root, test_fraction=0.5)  # now that there are artifacts
    assert len(data.train) + len(data.test) == 4
    assert data.findings is not None
    assert notes(data.findings) == [
        "Files and folders left aside (8): .git, Coast/.DS_Store, Coast/._0.png, "
        "Forest/Desktop.ini, Forest/Thumbs.db, __MACOSX, artifacts, labels.csv"
    ]


def test_classes_that_differ_in_capitals_are_two_with_a_warning(tmp_path: Path) -> None:
    root = tree(tmp_path, {"Bedroom": 2, "bedroom": 2, "kitchen": 2})
    data = load_folder(root, test_fraction=0.5)
    assert data.classes == ("Bedroom", "bedroom", "kitchen")
    assert data.findings is not None
    (line,) = notes(data.findings)
    assert line.startswith("Classes that differ only in capitals (1): Bedroom and bed")
    assert decisions(data.findings) == [line]


def test_test_folder_without_classes_is_to_be_predicted(tmp_path: Path) -> None:
    root = tree(tmp_path, two("train", 4) | {"test": 3})
    data = load_folder(root, test_fraction=0.25)
    assert (len(data.train), len(data.test)) == (6, 2)
    assert data.unlabelled is not None
    assert data.unlabelled.names == ["test/0.png", "test/1.png", "test/2.png"]
    assert data.unlabelled.images[0].shape == (8, 8, 3)
    assert data.findings is not None
    assert notes(data.findings) == [
        "Folders: train/ to be split at random, test/ for images without classes."
    ]
    with pytest.raises(BadInput, match=r"images in test have no classes; .*fraction"):
        load_folder(root)
    # with labelled validation images there is something to test on
    data = load_folder(tree(tmp_path, two("val", 1)))
    assert data.test.names == ["val/Coast/0.png", "val/Forest/0.png"]
    assert data.unlabelled is not None
    assert len(data.unlabelled) == 3


def test_uneven_classes_are_split_by_a_fraction(tmp_path: Path) -> None:
    root = tree(tmp_path, {"common": 14, "rare": 3})
    data = load_folder(root, test_fraction=0.2)
    assert np.bincount(data.test.labels).tolist() == [3, 1]
    assert np.bincount(data.train.labels).tolist() == [11, 2]
    assert load_folder(root, test_fraction=0.2).test.names == data.test.names
    others = [load_folder(root, test_fraction=0.2, seed=s).test.names for s in (1, 2)]
    assert data.test.names not in others


def test_one_way_to_split_is_asked_for(tmp_path: Path) -> None:
    root = tree(tmp_path, {"a": 2, "b": 1})
    for options, expected in (
        ({}, "no folders train and test; pass --train-per-class N .*--test-fraction"),
        ({"train_per_class": 1, "test_fraction": 0.5}, "not both"),
        ({"test_fraction": 1.0}, "test_fraction=1.0: expected a number between 0 and"),
        ({"test_fraction": 0.5}, "b: expected at least 2 images, 1 of them for tr"),
    ):
        with pytest.raises(BadInput, match=expected):
            load_folder(root, **options)  # type: ignore[arg-type]


def test_nested_folders_are_classes_on_request(tmp_path: Path) -> None:
    root = tree(tmp_path, {"animals/cats": 2, "animals/dogs": 2, "cars": 2})
    (root / "animals" / "cats" / "up").symlink_to(root)  # in a circle
    with pytest.raises(BadInput, match="animals/cats: a folder, expected"):
        load_folder(root, test_fraction=0.5)
    with pytest.raises(BadInput, match="cats/up: a folder, expected"):
        load_folder(root, test_fraction=0.5, nested=True)
    (root / "animals" / "cats" / "up").unlink()
    data = load_folder(root, test_fraction=0.5, nested=True)
    assert data.classes == ("animals/cats", "animals/dogs", "cars")
    assert len(data.train) == len(data.test) == 3
    noise(root / "animals", 2)  # beside the folders: a class of its own
    data = load_folder(root, test_fraction=0.5, nested=True)
    assert data.classes == ("animals", "animals/cats", "animals/dogs", "cars")


def test_only_nested_folders_ask_for_the_option(tmp_path: Path) -> None:
    root = tree(tmp_path, two("animals") | {"vehicles/cars": 2})
    with pytest.raises(BadInput, match=r"pass --nested .*\(animals/Coast, animals/F"):
        load_folder(root, test_fraction=0.5)
    assert len(load_folder(root, test_fraction=0.5, nested=True).classes) == 3
