"""A folder of photographs: two layouts, an honest split, and one line per fault."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipeline.datasets.builders import fill
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.class_images import safe_name
from visbase.pipeline.datasets.findings import notes
from visbase.pipeline.datasets.folder import load_folder
from visbase.pipeline.datasets.splits import (
    Dataset,
    Split,
    hold_out_sixth,
    validation_split,
)
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.photo_files import PhotoFiles

Change = Callable[[Path], object]


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """train and test with two classes, 3 and 2 images each."""
    for i, part in enumerate(("train", "test")):
        fill(tmp_path / "parts" / part / "cat", 3 - i, 10 * i)
        fill(tmp_path / "parts" / part / "dog", 3 - i, 100 + 10 * i)
    return tmp_path / "parts"


def messages(data: Dataset) -> list[str]:
    assert data.findings is not None
    return notes(data.findings)


def refusal(root: Path, train_per_class: int | None, skip_bad: bool = False) -> str:
    with pytest.raises(BadInput) as caught:
        load_folder(root, train_per_class=train_per_class, skip_bad=skip_bad)
    return str(caught.value)


@pytest.mark.parametrize("name", ["validation", "Val"])
def test_validation_images_are_for_training_and_for_choosing_settings(
    split: Path, name: str
) -> None:
    fill(split / name / "dog", 2, 200)
    (split / "train").rename(split / "Training")
    data = load_folder(split)
    assert np.bincount(data.train.labels).tolist() == [3, 5]
    assert np.bincount(data.test.labels).tolist() == [2, 2]
    assert data.validation is not None
    names = [data.train.names[row] for row in data.validation]
    assert names == [f"{name}/dog/200.png", f"{name}/dog/201.png"]
    train, validation = validation_split(data, 0)
    assert validation.names == names
    assert sorted([*train.names, *names]) == sorted(data.train.names)
    assert messages(data)[0] == (
        f"Folders: Training/ for training, {name}/ for training and for choosing "
        "settings, test/ for testing."
    )


def test_train_and_test_folders_are_the_split(split: Path) -> None:
    data = load_folder(split)
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    assert data.train.labels.dtype == np.int64
    assert data.test.names[:2] == ["test/cat/010.png", "test/cat/011.png"]
    assert int(data.test.images[2][0, 0]) == 110
    assert not data.published


def test_n_random_images_per_class_train_and_all_others_test(flat: Path) -> None:
    data = load_folder(flat, train_per_class=5)
    assert np.bincount(data.train.labels).tolist() == [5, 5]
    assert np.bincount(data.test.labels).tolist() == [7, 7]
    files = [path.relative_to(flat).as_posix() for path in flat.rglob("*.png")]
    assert sorted(data.train.names + data.test.names) == sorted(files)
    for part in (data.train, data.test):
        for name, image in zip(part.names, part.images, strict=True):
            assert int(image[0, 0]) == int(name[-7:-4])


def test_split_follows_the_seed_and_not_the_order_of_the_directory(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    cat, dog = (np.sort(rng.permutation(12)[:5]) for _ in range(2))
    expected = [f"cat/{i:03}.png" for i in cat] + [f"dog/{100 + i}.png" for i in dog]
    assert load_folder(flat, train_per_class=5, seed=3).train.names == expected
    assert load_folder(flat, train_per_class=5, seed=4).train.names != expected
    real = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(list(real(self))))
    assert load_folder(flat, train_per_class=5, seed=3).train.names == expected


def test_fingerprint_follows_the_content_and_not_the_place(flat: Path) -> None:
    first = load_folder(flat, train_per_class=5).fingerprint
    assert len(first) == 64
    assert load_folder(flat, train_per_class=5, seed=1).fingerprint != first
    flat = flat.rename(flat.with_name("elsewhere"))
    assert load_folder(flat, train_per_class=5).fingerprint == first
    Image.new("L", (4, 4), 200).save(flat / "cat" / "003.png")
    changed = load_folder(flat, train_per_class=5).fingerprint
    assert changed != first
    (flat / "cat").rename(flat / "bat")
    assert load_folder(flat, train_per_class=5).fingerprint not in (first, changed)


def test_fingerprint_of_arrays_covers_every_pixel_and_label() -> None:
    def data(pixel: int = 0, label: int = 0) -> Dataset:
        images = np.zeros((2, 3, 3), np.uint8)
        images[1, 2, 2] = pixel
        part = Split(images, np.array([0, label]), ["a", "b"])
        return Dataset("tiny", part, part, ("0", "1"), "digits", 1)

    prints = [data(), data(), data(1), data(0, 1)]
    assert prints[0].fingerprint == prints[1].fingerprint
    assert len({one.fingerprint for one in prints}) == 3


def test_hidden_files_are_ignored_and_links_are_followed(flat: Path) -> None:
    (flat / ".git").mkdir()
    (flat / "cat" / ".DS_Store").write_bytes(b"x")
    (flat / "cat" / ".thumbnails").mkdir()
    (flat / "readme.txt").write_text("beside the classes")
    (flat / "self").symlink_to("self")
    dogs = (flat / "dog").rename(flat.parent / "dogs")
    (flat / "train").symlink_to(dogs)  # a class may be called train
    data = load_folder(flat, train_per_class=5)
    assert data.classes == ("cat", "train")
    assert len(data.train) + len(data.test) == 24


def test_every_file_that_cannot_be_read_is_listed_with_its_reason(flat: Path) -> None:
    for i in range(12):
        (flat / "cat" / f"{i}.txt").touch()
    (flat / "dog" / "up").symlink_to(flat)  # in a circle
    first, *lines = refusal(flat, 5).splitlines()
    assert "13 of 37 files" in first and "--skip-bad" in first
    assert len(lines) == 13
    assert all("cat/" in line and ".txt: not a JPEG" in line for line in lines[:12])
    assert lines[12].startswith("  dog/up: a folder")


def test_skipped_files_are_reported_and_the_others_split(flat: Path) -> None:
    sound = load_folder(flat, train_per_class=5)
    (flat / "cat" / "000.txt").touch()
    data = load_folder(flat, train_per_class=5, skip_bad=True)
    assert data.train.names == sound.train.names
    assert data.test.names == sound.test.names
    (line,) = (line for line in messages(data) if "read" in line)
    assert line.startswith("Files that cannot be read (1): cat/000.txt (not a JPEG")
    (flat / "cat" / "000.png").write_bytes(b"x")  # and its class is too small
    message = refusal(flat, 11, skip_bad=True)
    assert "cat: expected at least 12 images, 11 of them for" in message
    assert "found 11" in message


def rename(*pairs: tuple[str, str]) -> Change:
    return lambda root: [(root / old).rename(root / new) for old, new in pairs]


def replace(path: str, put: Change) -> Change:
    """Remove a folder and put something else in its place."""
    return lambda root: (shutil.rmtree(root / path), put(root / path))


@pytest.mark.parametrize(
    ("train_per_class", "change", "expected"),
    [
        (12, rename(), "cat: .* 13 images, 12 of them .* found 12"),
        (None, rename(("test/dog", "test/fox")), "dog .* train, fox .* test"),
        (None, rename(("test", "extra")), "no folder test"),
        (None, rename(("train", "extra")), "no folder train"),
        (None, rename(("test/cat", "Train")), "Train and train are both"),
        (None, replace("test/dog", Path.mkdir), "test/dog: .* found none"),
        (2, rename(("cat", "x\ny"), ("dog", "x\\ny")), "2 classes"),
        (2, rename(("cat", "caf\u00e9"), ("dog", "cafe\u0301")), "2 classes"),
        (1, rename(("cat", "../cat")), "only one class, dog"),
        (1, replace("", Path.mkdir), "photos: no classes"),
        (1, replace("", Path.touch), "photos: not a folder"),
        (1, replace("", lambda root: None), "photos: no such folder"),
        (1, replace("", lambda root: root.symlink_to(root)), "photos: no such folder"),
    ],
)
def test_fault_of_the_layout_is_named_in_one_line(
    flat: Path, split: Path, train_per_class: int | None, change: Change, expected: str
) -> None:
    root = flat if train_per_class else split
    change(root)
    with pytest.raises(BadInput, match=rf"\A.*{expected}.*\Z"):
        load_folder(root, train_per_class=train_per_class)


def test_number_per_class_and_path_must_fit(flat: Path, split: Path) -> None:
    for root, train_per_class, expected in (
        (flat, None, "--train-per-class N"),
        (split, 2, "leave out --train-per-class"),
        (Path("x" * 300), 1, "x: cannot be read: File name too long"),
    ):
        message = refusal(root, train_per_class)
        assert expected in message and "\n" not in message


def test_any_name_works_and_is_printable(tmp_path: Path) -> None:
    root = tmp_path / "ma vie"
    spaces_and_joined = "東京\u3000塔 👩\u200d🎨"
    names = ["a b", spaces_and_joined, "line\nbreak", os.fsdecode(b"bad\xff")]
    for i, name in enumerate(names):
        fill(root / name, 3, 10 * i)
    (root / "a b" / "000.png").rename(root / "a b" / "a b 1.png")
    data = load_folder(root, train_per_class=2)
    assert sorted(data.classes) == [
        "a b",
        "bad\\udcff",
        "line\\nbreak",
        spaces_and_joined,
    ]
    assert not any("\n" in name for name in data.train.names)
    assert len([*data.train.images, *data.test.images]) == 12
    (root / names[2] / "x\n.txt").touch()
    (root / names[3] / "y").touch()
    message = refusal(root, 2)
    assert "  line\\nbreak/x\\n.txt: not a" in message
    assert "  bad\\udcff/y: not a" in message
    message.encode()


def test_image_in_training_and_test_is_reported_and_stays(
    flat: Path, split: Path
) -> None:
    for root, train_per_class in ((flat, 5), (split, None)):
        data = load_folder(root, train_per_class=train_per_class)
        train, test = data.train.names[0], data.test.names[-1]
        Image.open(root / train).save(root / test, "BMP")  # its pixels, not its bytes
        assert "same picture" not in "".join(messages(data))
        data = load_folder(root, train_per_class=train_per_class)
        assert test in data.test.names
        (line,) = (line for line in messages(data) if "same picture" in line)
        assert line.startswith(f"1 of {len(data.test)} test images")
        assert f"({test} is {train}); they are kept" in line


def test_name_is_a_safe_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    expected = {
        "scene15": "folder-scene15",
        "my photos": "folder-my_photos",
        "größe": "folder-größe",
        "a\nb:c\\d": "folder-a_b_c_d",
        "...": "folder-...",
        "x" * 255: "folder-" + "x" * 60,
        "": "folder-here",
        "deeper/..": "folder-here",
        "/": "folder-root",
    }
    assert {path: safe_name(Path(path)) for path in expected} == expected


def test_sixth_of_each_class_is_held_out_at_random() -> None:
    labels = np.repeat([0, 1, 2], [12, 5, 1])
    images = np.arange(18, dtype=np.uint8).reshape(18, 1, 1)
    names = [str(i) for i in range(18)]
    whole = Split(images, labels, names)
    train, validation = hold_out_sixth(whole, 0)
    assert np.bincount(validation.labels).tolist() == [2, 1]
    assert np.bincount(train.labels).tolist() == [10, 4, 1]
    assert sorted([*train.names, *validation.names], key=int) == names
    for part in (train, validation):
        assert [str(i) for i in part.images.ravel()] == part.names
        assert labels[part.images.ravel()].tolist() == part.labels.tolist()
    assert len(set(train.labels[:6])) > 1  # --train N takes a sample, not a class
    assert hold_out_sixth(whole, 0)[0].names == train.names
    assert len({tuple(hold_out_sixth(whole, s)[1].names) for s in range(5)}) > 1
    one = Split(images[:2], np.array([0, 1]), ["a", "b"])
    with pytest.raises(BadInput, match="two training images"):
        hold_out_sixth(one, 0)


def test_path_names_a_dataset(flat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_dataset(f"folder:{flat}", train_per_class=5, seed=2)
    assert re.fullmatch("folder-photos-[0-9a-f]{8}", data.name)
    assert data.train.names == load_folder(flat, train_per_class=5, seed=2).train.names
    assert isinstance(data.train.images, PhotoFiles)
    monkeypatch.setenv("HOME", str(flat.parent))
    assert load_dataset("folder:~/photos", train_per_class=5).name == data.name
    (flat / "cat" / "000.png").rename(flat / "cat" / "first.png")
    assert load_dataset(f"folder:{flat}", train_per_class=5).name != data.name
