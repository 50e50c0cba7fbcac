"""A folder of photographs: two layouts, an honest split, faults told beforehand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from visbase.pipeline.commands import main
from visbase.pipeline.commands import run as cli
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.folder import dataset_name, load_folder
from visbase.pipeline.datasets.splits import Dataset, Split, hold_out_sixth
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import search
from visbase.pipeline.experiments.records import read_record
from visbase.pipeline.images.photo_files import PhotoFiles


def fill(folder: Path, n: int, first: int = 0) -> None:
    """n images of differing pixels and heights."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + n):
        pixels = np.full((4 + i % 2, 4), i, np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}.png")


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Two classes of 12 images each."""
    root = tmp_path / "photos"
    fill(root / "cat", 12)
    fill(root / "dog", 12, 100)
    return root


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


def test_train_and_test_folders_are_the_split(split: Path) -> None:
    data = load_folder(split, None, 0, False)
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    assert data.train.labels.dtype == np.int64
    assert data.test.names[:2] == ["test/cat/010.png", "test/cat/011.png"]
    assert int(data.test.images[2][0, 0]) == 110
    assert not data.published


def test_n_random_images_a_class_train_and_all_others_test(flat: Path) -> None:
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


def test_split_follows_the_seed_as_documented(flat: Path) -> None:
    rng = np.random.default_rng(3)
    cat, dog = (np.sort(rng.permutation(12)[:5]) for _ in range(2))
    expected = [f"cat/{i:03}.png" for i in cat] + [f"dog/{100 + i}.png" for i in dog]
    assert load_folder(flat, 5, 3, False).train.names == expected
    assert load_folder(flat, 5, 4, False).train.names != expected


def test_split_does_not_depend_on_the_order_of_the_directory(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load_folder(flat, 5, 0, False).train.names
    real = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(list(real(self))))
    assert load_folder(flat, 5, 0, False).train.names == expected


def test_fingerprint_is_that_of_the_content(flat: Path, tmp_path: Path) -> None:
    first = load_folder(flat, 5, 0, False).fingerprint
    assert len(first) == 64
    assert load_folder(flat, 5, 1, False).fingerprint != first
    flat.rename(tmp_path / "elsewhere")
    flat = tmp_path / "elsewhere"
    assert load_folder(flat, 5, 0, False).fingerprint == first
    Image.new("L", (4, 4), 200).save(flat / "cat" / "003.png")
    changed = load_folder(flat, 5, 0, False).fingerprint
    assert changed != first
    (flat / "cat").rename(flat / "bat")
    assert load_folder(flat, 5, 0, False).fingerprint not in (first, changed)


def test_fingerprint_of_arrays_sees_every_pixel_and_label() -> None:
    def data(pixel: int = 0, label: int = 0) -> Dataset:
        images = np.zeros((2, 3, 3), np.uint8)
        images[1, 2, 2] = pixel
        part = Split(images, np.array([0, label]), ["a", "b"])
        return Dataset("tiny", part, part, ("0", "1"), "digits", 1)

    prints = {data().fingerprint, data(1).fingerprint, data(0, 1).fingerprint}
    assert len(prints) == 3
    assert data().fingerprint == data().fingerprint


def test_hidden_files_and_folders_do_not_count(flat: Path) -> None:
    (flat / ".git").mkdir()
    (flat / "cat" / ".DS_Store").write_bytes(b"x")
    (flat / "cat" / ".thumbnails").mkdir()
    (flat / "readme.txt").write_text("beside the classes")
    data = load_folder(flat, 5, 0, False)
    assert data.classes == ("cat", "dog")
    assert len(data.train) + len(data.test) == 24


def test_files_that_cannot_be_read_are_listed_with_reasons(flat: Path) -> None:
    (flat / "cat" / "Thumbs.db").write_bytes(b"x")
    (flat / "dog" / "deeper").mkdir()
    lines = refusal(flat, 5).splitlines()
    assert "2 of 26 files cannot be read; repair or remove them" in lines[0]
    assert "--skip-bad" in lines[0]
    assert lines[1:] == [
        "  cat/Thumbs.db: not a JPEG, PNG, WebP, BMP or TIFF image",
        "  dog/deeper: a folder, expected an image file",
    ]


def test_every_file_that_cannot_be_read_is_listed(flat: Path) -> None:
    for i in range(13):
        (flat / "cat" / f"{i}.txt").touch()
    lines = refusal(flat, 5).splitlines()
    assert len(lines) == 14


def test_skipped_files_are_told_and_the_others_split(
    flat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = load_folder(flat, 5, 0, False)
    assert capsys.readouterr().err == ""
    (flat / "cat" / "000.txt").touch()
    data = load_folder(flat, 5, 0, True)
    assert data.train.names == sound.train.names
    assert data.test.names == sound.test.names
    err = capsys.readouterr().err
    assert "1 of 25 files cannot be read and are skipped:\n  cat/000.txt: not " in err


def test_class_that_is_too_small_once_bad_files_are_left_out_is_told(
    flat: Path,
) -> None:
    (flat / "cat" / "000.png").write_bytes(b"x")
    message = refusal(flat, 11, skip_bad=True)
    assert (
        "cat: expected at least 12 images, 11 of them for training, found 11" in message
    )


@pytest.mark.parametrize(
    ("train_per_class", "expected"),
    [
        (None, "pass --train-per-class N"),
        (12, "cat: expected at least 13 images, 12 of them for training, found 12"),
    ],
)
def test_split_that_the_flat_layout_cannot_have_is_told(
    flat: Path, train_per_class: int | None, expected: str
) -> None:
    assert expected in refusal(flat, train_per_class)


def test_split_that_exists_is_not_made_anew(split: Path) -> None:
    assert "leave out --train-per-class" in refusal(split, 2)


def test_train_and_test_of_differing_classes_are_told(split: Path) -> None:
    (split / "test" / "dog").rename(split / "test" / "fox")
    message = refusal(split)
    assert "dog is only in train, fox is only in test" in message


def test_train_without_test_is_told(split: Path) -> None:
    (split / "test").rename(split / "validation")
    assert "found train with classes, but no folder test" in refusal(split)


@pytest.mark.parametrize(
    ("one", "other"), [("x\ny", "x\\ny"), ("caf\u00e9", "cafe\u0301")]
)
def test_classes_that_are_printed_alike_are_refused(
    tmp_path: Path, one: str, other: str
) -> None:
    for i, name in enumerate((one, other)):
        fill(tmp_path / "photos" / name, 4, 10 * i)
    assert "2 classes are printed as " in refusal(tmp_path / "photos", 2)


def test_class_called_train_is_a_class(flat: Path) -> None:
    (flat / "cat").rename(flat / "train")
    assert load_folder(flat, 5, 0, False).classes == ("dog", "train")


def test_empty_class_is_told(split: Path) -> None:
    for path in (split / "test" / "dog").iterdir():
        path.unlink()
    assert "test/dog: expected at least one image, found none" in refusal(split)


def test_folder_without_classes_or_with_one_is_told(tmp_path: Path) -> None:
    assert "no classes" in refusal(tmp_path, 1)
    fill(tmp_path / "cat", 3)
    assert "only one class, cat" in refusal(tmp_path, 1)


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    assert "missing: no such folder" in refusal(tmp_path / "missing", 1)
    assert "loop: no such folder" in refusal(tmp_path / "loop", 1)
    assert "file: not a folder" in refusal(tmp_path / "file", 1)
    assert "cannot be read: File name too long" in refusal(tmp_path / ("x" * 300), 1)


def test_links_in_a_circle_do_not_hang(flat: Path) -> None:
    (flat / "cat" / "up").symlink_to(flat)
    (flat / "self").symlink_to("self")
    assert "cat/up: a folder" in refusal(flat, 5)
    assert len(load_folder(flat, 5, 0, True).classes) == 2


def test_linked_classes_and_files_are_read(flat: Path, tmp_path: Path) -> None:
    (flat / "dog").rename(tmp_path / "dogs")
    (flat / "dog").symlink_to(tmp_path / "dogs")
    assert load_folder(flat, 5, 0, False).classes == ("cat", "dog")


def test_any_name_works_and_is_printable(tmp_path: Path) -> None:
    root = tmp_path / "ma vie"
    names = ["a b", "größe", "line\nbreak", os.fsdecode(b"bad\xff")]
    for i, name in enumerate(names):
        fill(root / name, 3, 10 * i)
        (root / name / "000.png").rename(root / name / f"{name} 1.png") if i == 0 else 0
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


@pytest.mark.parametrize("part", ["flat", "split"])
def test_image_in_training_and_test_is_told_and_stays(
    part: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    root: Path = request.getfixturevalue(part)
    if part == "flat":
        data = load_folder(root, 5, 0, False)
        train, test = data.train.names[0], data.test.names[0]
    else:
        train, test = "train/cat/000.png", "test/dog/110.png"
    Image.open(root / train).save((root / test).with_suffix(".bmp"))
    (root / test).unlink()
    (root / test).with_suffix(".bmp").rename(root / test)
    capsys.readouterr()
    data = load_folder(root, 5 if part == "flat" else None, 0, False)
    assert test in data.test.names
    err = capsys.readouterr().err
    assert f"1 of {len(data.test)} test images are also training images" in err
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
    ],
)
def test_name_is_that_of_one_folder(tmp_path: Path, path: str, name: str) -> None:
    assert dataset_name(tmp_path / path) == name


def test_name_of_a_relative_or_topmost_path_stays_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deeper")
    assert dataset_name(Path()) == "folder-deeper"
    assert dataset_name(Path("..")) == "folder-here"
    assert dataset_name(Path("/")) == "folder-root"


def test_sixth_of_each_class_is_held_out_at_random() -> None:
    labels = np.repeat([0, 1, 2], [12, 5, 1])
    images = np.arange(18, dtype=np.uint8).reshape(18, 1, 1)
    names = [str(i) for i in range(18)]
    train, validation = hold_out_sixth(Split(images, labels, names), 0)
    assert np.bincount(validation.labels).tolist() == [2, 1]
    assert np.bincount(train.labels).tolist() == [10, 4, 1]
    assert sorted([*train.names, *validation.names], key=int) == names
    for part in (train, validation):
        assert [str(i) for i in part.images.ravel()] == part.names
        assert labels[part.images.ravel()].tolist() == part.labels.tolist()
    assert len(set(train.labels[:6])) > 1  # --train N takes a sample, not a class
    again = hold_out_sixth(Split(images, labels, names), 0)
    assert again[0].names == train.names
    other = [hold_out_sixth(Split(images, labels, names), s)[1].names for s in range(5)]
    assert len({tuple(names) for names in other}) > 1


def test_one_training_image_a_class_cannot_validate() -> None:
    one = Split(np.zeros((2, 1, 1), np.uint8), np.array([0, 1]), ["a", "b"])
    with pytest.raises(BadInput, match="no class has two training images"):
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


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--dataset", "folder:"), "expected folder:PATH, found no path"),
        (("--dataset", "folder:x", "--data", "y"), "folder:PATH names the folder"),
        (("--train-per-class", "3"), "--train-per-class only applies to folder:PATH"),
        (("--skip-bad",), "--skip-bad only applies to folder:PATH"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    arguments: tuple[str, ...], expected: str, fresh_folders: Path
) -> None:
    for command in ("run", "search"):
        result = CliRunner().invoke(main, [command, "linear", *arguments])
        assert result.exit_code == 2
        assert expected in result.stderr
        assert result.stderr.count("\n") == 1


def visbase(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("dirty", [True, False])
def test_records_of_a_folder_stay_in_artifacts(
    flat: Path,
    fresh_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    dirty: bool,
) -> None:
    monkeypatch.setattr("visbase.pipeline.experiments.provenance.dirty", lambda: dirty)
    options = ("--dataset", f"folder:{flat}", "--train-per-class", "5")
    said = visbase("run", "majority", *options, "--seed", "3")
    assert "50.00 % error, 7 of 14 folder-photos test images" in said
    home = fresh_folders / "artifacts" / "results" / "full" / "folder-photos"
    assert read_record(home / "majority" / "seed3.json").n_train == 10
    assert not (fresh_folders / "results").exists()


def test_several_methods_get_the_options_of_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands = []
    monkeypatch.setattr(
        cli,
        "_run_in_own_processes",
        lambda names, options: commands.append(options) or 0,
    )
    visbase(
        *("run", "majority", "linear", "--dataset", "folder:a b"),
        *("--train-per-class", "7", "--skip-bad"),
    )
    assert " ".join(commands[0]).endswith("--train-per-class 7 --skip-bad")
    assert commands[0][:2] == ["--dataset", "folder:a b"]


def test_bag_of_words_works_on_photographs_of_differing_size(
    tmp_path: Path, fresh_folders: Path
) -> None:
    rng = np.random.default_rng(0)
    for label, smooth in enumerate((1, 8)):
        folder = tmp_path / "textures" / f"class {label}"
        folder.mkdir(parents=True)
        for i in range(12):
            noise = rng.integers(0, 256, (48 // smooth, (40 + 8 * (i % 2)) // smooth))
            texture = np.kron(noise, np.ones((smooth, smooth))).astype(np.uint8)
            Image.fromarray(texture).save(folder / f"{i}.png")
    said = visbase(
        *("run", "bovw_grid", "--preset", "quick", "--set", "n_words=8"),
        *("--dataset", f"folder:{tmp_path / 'textures'}", "--train-per-class", "6"),
    )
    assert "0.00 % error, 0 of 12 folder-textures" in said


def test_search_of_a_folder_keeps_its_trials_in_artifacts(
    flat: Path, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ROOT", fresh_folders / "no such place")
    monkeypatch.setattr(
        search, "_try", lambda model, train, validation: tried(train, validation)
    )
    options = ("--dataset", f"folder:{flat}", "--train-per-class", "9")
    assert visbase("search", "linear", *options)
    assert visbase("search", "linear", *options) == ""
    (table,) = (fresh_folders / "artifacts" / "search" / "folder-photos").iterdir()
    assert table.name.startswith("linear-")
    assert not (fresh_folders / "no such place").exists()
    fill(flat / "cat", 1, 50)
    assert visbase("search", "linear", *options)  # other images, other table


def tried(train: Split, validation: Split) -> tuple[int, float]:
    """A trial that checks the sizes only: no errors in no time."""
    assert np.bincount(train.labels).tolist() == [8, 8]
    assert np.bincount(validation.labels).tolist() == [1, 1]
    return 0, 0.0


def test_method_of_one_size_stops_before_any_work_where_sizes_differ(
    fresh_folders: Path,
) -> None:
    for part, side in (("train", 20), ("test", 24)):
        for label in "ab":
            for i in range(3):
                path = fresh_folders / "icons" / part / label / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                noise = np.random.default_rng(i).integers(
                    0, 255, (side, side), np.uint8
                )
                Image.fromarray(noise).save(path)
    for method, code in (("linear", 2), ("bovw_grid", 0)):
        run = [
            "run",
            method,
            "--preset=quick",
            f"--dataset=folder:{fresh_folders}/icons",
        ]
        done = CliRunner().invoke(main, run)
        assert done.exit_code == code, done.output
        assert code == 0 or "needs images of one size, found 2" in done.output
