"""A folder of photographs: two layouts, an honest split, and one line per fault."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipeline.datasets.builders import fill
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.folder import dataset_name, load_folder
from visbase.pipeline.datasets.splits import Dataset, Split, hold_out_sixth
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.photo_files import PhotoFiles


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """train and test with two classes, 3 and 2 images each."""
    root = tmp_path / "photos"
    for i, part in enumerate(("train", "test")):
        fill(root / part / "cat", 3 - i, 10 * i)
        fill(root / part / "dog", 3 - i, 100 + 10 * i)
    return root


def refusal(
    root: Path, train_per_class: int | None = None, skip_bad: bool = False
) -> str:
    with pytest.raises(BadInput) as caught:
        load_folder(root, train_per_class, 0, skip_bad)
    return str(caught.value)


def rename(*pairs: tuple[str, str]) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for old, new in pairs:
            (root / old).rename(root / new)

    return change


def replace(path: str, put: Callable[[Path], object]) -> Callable[[Path], None]:
    """Remove a folder and put something else in its place."""

    def change(root: Path) -> None:
        shutil.rmtree(root / path)
        put(root / path)

    return change


def test_train_and_test_folders_are_the_split(split: Path) -> None:
    data = load_folder(split, None, 0, False)
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    assert data.train.labels.dtype == np.int64
    assert data.test.names[:2] == ["test/cat/010.png", "test/cat/011.png"]
    assert int(data.test.images[2][0, 0]) == 110
    assert not data.published


def test_n_random_images_per_class_train_and_all_others_test(flat: Path) -> None:
    data = load_folder(flat, 5, 0, False)
    assert np.bincount(data.train.labels).tolist() == [5, 5]
    assert np.bincount(data.test.labels).tolist() == [7, 7]
    names = [*data.train.names, *data.test.names]
    assert sorted(names) == sorted(
        f"{path.parent.name}/{path.name}" for path in flat.rglob("*.png")
    )
    for part in (data.train, data.test):
        for name, image in zip(part.names, part.images, strict=True):
            assert int(image[0, 0]) == int(name[-7:-4])


def test_split_follows_the_seed_and_not_the_order_of_the_directory(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    cat, dog = (np.sort(rng.permutation(12)[:5]) for _ in range(2))
    expected = [f"cat/{i:03}.png" for i in cat] + [f"dog/{100 + i}.png" for i in dog]
    assert load_folder(flat, 5, 3, False).train.names == expected
    assert load_folder(flat, 5, 4, False).train.names != expected
    real = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(list(real(self))))
    assert load_folder(flat, 5, 3, False).train.names == expected


def test_fingerprint_follows_the_content_and_not_the_place(
    flat: Path, tmp_path: Path
) -> None:
    first = load_folder(flat, 5, 0, False).fingerprint
    assert len(first) == 64
    assert load_folder(flat, 5, 1, False).fingerprint != first
    flat = flat.rename(tmp_path / "elsewhere")
    assert load_folder(flat, 5, 0, False).fingerprint == first
    Image.new("L", (4, 4), 200).save(flat / "cat" / "003.png")
    changed = load_folder(flat, 5, 0, False).fingerprint
    assert changed != first
    (flat / "cat").rename(flat / "bat")
    assert load_folder(flat, 5, 0, False).fingerprint not in (first, changed)


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
    (flat / "dog").rename(flat.parent / "dogs")
    (flat / "dog").symlink_to(flat.parent / "dogs")
    data = load_folder(flat, 5, 0, False)
    assert data.classes == ("cat", "dog")
    assert len(data.train) + len(data.test) == 24


def test_every_file_that_cannot_be_read_is_listed_with_its_reason(flat: Path) -> None:
    for i in range(12):
        (flat / "cat" / f"{i}.txt").touch()
    (flat / "dog" / "up").symlink_to(flat)  # in a circle
    first, *lines = refusal(flat, 5).splitlines()
    assert "13 of 37 files" in first
    assert "--skip-bad" in first
    assert len(lines) == 13
    assert all("cat/" in line and ".txt: not a JPEG" in line for line in lines[:12])
    assert lines[12].startswith("  dog/up: a folder")


def test_skipped_files_are_reported_and_the_others_split(
    flat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = load_folder(flat, 5, 0, False)
    assert capsys.readouterr().err == ""
    (flat / "cat" / "000.txt").touch()
    data = load_folder(flat, 5, 0, True)
    assert data.train.names == sound.train.names
    assert data.test.names == sound.test.names
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("1 of 25 files ")
    assert second.startswith("  cat/000.txt: ")
    (flat / "cat" / "000.png").write_bytes(b"x")  # and its class is too small
    message = refusal(flat, 11, skip_bad=True)
    assert "cat: expected at least 12 images, 11 of them for" in message
    assert "found 11" in message


@pytest.mark.parametrize(
    ("layout", "change", "train_per_class", "expected"),
    [
        ("flat", rename(), None, "--train-per-class N"),
        ("flat", rename(), 12, "cat: .* 13 images, 12 of them .* found 12"),
        ("split", rename(), 2, "leave out --train-per-class"),
        ("split", rename(("test/dog", "test/fox")), None, "dog .* train, fox .* test"),
        ("split", rename(("test", "validation")), None, "no folder test"),
        ("split", replace("test/dog", Path.mkdir), None, "test/dog: .* found none"),
        ("flat", rename(("cat", "x\ny"), ("dog", "x\\ny")), 2, "2 classes"),
        ("flat", rename(("cat", "caf\u00e9"), ("dog", "cafe\u0301")), 2, "2 classes"),
        ("flat", rename(("cat", "../cat")), 1, "only one class, dog"),
        ("flat", replace("", Path.mkdir), 1, "photos: no classes"),
        ("flat", replace("", Path.touch), 1, "photos: not a folder"),
        ("flat", replace("", lambda root: None), 1, "photos: no such folder"),
        ("flat", replace("", lambda r: r.symlink_to(r)), 1, "photos: no such folder"),
        ("x" * 300, rename(), 1, "x: cannot be read: File name too long"),
    ],
)
def test_fault_of_the_layout_is_named_in_one_line(
    layout: str,
    change: Callable[[Path], None],
    train_per_class: int | None,
    expected: str,
    request: pytest.FixtureRequest,
) -> None:
    sound = layout in ("flat", "split")
    root: Path = request.getfixturevalue(layout) if sound else Path(layout)
    change(root)
    with pytest.raises(BadInput, match=expected) as caught:
        load_folder(root, train_per_class, 0, False)
    assert "\n" not in str(caught.value)


def test_class_called_train_is_a_class(flat: Path) -> None:
    (flat / "cat").rename(flat / "train")
    assert load_folder(flat, 5, 0, False).classes == ("dog", "train")


def test_any_name_works_and_is_printable(tmp_path: Path) -> None:
    root = tmp_path / "ma vie"
    names = ["a b", "größe", "line\nbreak", os.fsdecode(b"bad\xff")]
    for i, name in enumerate(names):
        fill(root / name, 3, 10 * i)
    (root / "a b" / "000.png").rename(root / "a b" / "a b 1.png")
    data = load_folder(root, 2, 0, False)
    assert sorted(data.classes) == ["a b", "bad\\udcff", "größe", "line\\nbreak"]
    assert all(name.isprintable() for name in data.train.names)
    assert len([*data.train.images, *data.test.images]) == 12
    (root / names[2] / "x\n.txt").touch()
    (root / names[3] / "y").touch()
    message = refusal(root, 2)
    assert "  line\\nbreak/x\\n.txt: not a" in message
    assert "  bad\\udcff/y: not a" in message
    message.encode()


@pytest.mark.parametrize(("layout", "train_per_class"), [("flat", 5), ("split", None)])
def test_image_in_training_and_test_is_reported_and_stays(
    layout: str,
    train_per_class: int | None,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root: Path = request.getfixturevalue(layout)
    data = load_folder(root, train_per_class, 0, False)
    train, test = data.train.names[0], data.test.names[-1]
    Image.open(root / train).save(root / test, "BMP")  # its pixels, not its bytes
    assert capsys.readouterr().err == ""
    data = load_folder(root, train_per_class, 0, False)
    assert test in data.test.names
    err = capsys.readouterr().err
    assert f"1 of {len(data.test)} test images" in err
    assert f"({test} is {train})" in err


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("scene15", "folder-scene15"),
        ("my photos", "folder-my_photos"),
        ("größe", "folder-größe"),
        ("a\nb:c\\d", "folder-a_b_c_d"),
        ("...", "folder-..."),
        ("x" * 255, "folder-" + "x" * 60),
        ("", "folder-here"),
        ("deeper/..", "folder-here"),
        ("/", "folder-root"),
    ],
)
def test_name_is_safe_as_the_name_of_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, name: str
) -> None:
    (tmp_path / "here" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert dataset_name(Path(path)) == name


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


def test_one_training_image_per_class_cannot_validate() -> None:
    one = Split(np.zeros((2, 1, 1), np.uint8), np.array([0, 1]), ["a", "b"])
    with pytest.raises(BadInput, match="two training images"):
        hold_out_sixth(one, 0)


def test_dataset_is_loaded_by_its_path(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_dataset(f"folder:{flat}", train_per_class=5, seed=2)
    assert data.name == "folder-photos"
    assert data.train.names == load_folder(flat, 5, 2, False).train.names
    assert isinstance(data.train.images, PhotoFiles)
    monkeypatch.setenv("HOME", str(flat.parent))
    assert load_dataset("folder:~/photos", train_per_class=5).name == "folder-photos"
