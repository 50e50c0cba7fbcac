"""What is said about a folder, and copies of a picture in its split."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from tests.command_line import refusal, visbase
from tests.pipeline.datasets.builders import noise
from visbase.pipeline.datasets.class_images import examine
from visbase.pipeline.datasets.findings import decisions, notes
from visbase.pipeline.datasets.folder import Duplicates, load_folder
from visbase.pipeline.errors import BadInput


def copies(source: Path, *targets: Path) -> None:
    """Write an image again, mirrored."""
    for target in targets:
        ImageOps.mirror(Image.open(source)).save(target)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of 8 images; cat/0 to cat/3 show the same picture."""
    for name in ("cat", "dog"):
        noise(tmp_path / "photos" / name, 8, 32)
    cat = tmp_path / "photos" / "cat"
    copies(cat / "0.png", cat / "1.png", cat / "2.png", cat / "3.png")
    return tmp_path / "photos"


def sides(root: Path, duplicates: Duplicates, seed: int) -> set[str]:
    """The parts that the four copies are in."""
    data = load_folder(root, test_fraction=0.5, seed=seed, duplicates=duplicates)
    assert data.findings is not None
    (group,) = data.findings.copies
    assert group.names == tuple(f"cat/{i}.png" for i in range(4))
    for part, split in (("train", data.train), ("test", data.test)):
        inside = {name for name in split.names if name in group.names}
        assert [name in inside for name in group.names] == [
            side == part for side in group.parts
        ]
    return set(group.parts)


def test_copies_stay_on_one_side_of_a_random_split(photos: Path) -> None:
    grouped = [sides(photos, "group", seed) for seed in range(8)]
    assert {"train"} in grouped and {"test"} in grouped
    assert all(len(parts) == 1 for parts in grouped)
    assert {"train", "test"} in [sides(photos, "keep", seed) for seed in range(8)]


def test_only_the_first_copy_is_kept_on_request(photos: Path) -> None:
    data = load_folder(photos, train_per_class=3, duplicates="drop")
    names = [*data.train.names, *data.test.names]
    assert len(names) == 13
    assert "cat/0.png" in names and "cat/1.png" not in names
    assert data.findings is not None
    assert notes(data.findings) == [
        "Copies of other images (3): cat/1.png, cat/2.png, cat/3.png; they are left out"
    ]
    with pytest.raises(BadInput, match=r"cat: expected at least 6 images, .* found 5"):
        load_folder(photos, train_per_class=5, duplicates="drop")


def test_class_of_copies_only_cannot_be_grouped(photos: Path) -> None:
    copies(photos / "cat" / "0.png", *(photos / "cat" / f"{i}.png" for i in range(8)))
    with pytest.raises(BadInput, match="images of cat are copies of each other"):
        load_folder(photos, test_fraction=0.5)
    data = load_folder(photos, test_fraction=0.5, duplicates="keep")
    assert data.findings is not None
    (line,) = notes(data.findings)
    assert line.startswith("4 of 8 test images show the same picture as a training im")
    assert decisions(data.findings) == []  # the owner gave no split


def test_copies_across_classes_and_a_given_split_need_a_decision(photos: Path) -> None:
    (photos / "train").mkdir()
    for name in ("cat", "dog"):
        (photos / name).rename(photos / "train" / name)
        noise(photos / "test" / name, 2, 32)
    assert decisions(examine(photos)) == []
    copies(photos / "train" / "dog" / "5.png", photos / "test" / "dog" / "1.png")
    copies(photos / "train" / "dog" / "6.png", photos / "train" / "cat" / "7.png")
    mixed, across = decisions(examine(photos))
    assert mixed == (
        "Pictures in more than one class (1): train/cat/7.png = train/dog/6.png; "
        "keep one copy"
    )
    assert "both sides of the split (1): train/dog/5.png = test/dog/1.png;" in across
    data = load_folder(photos)
    assert data.findings is not None
    assert len(data.test) == 4
    assert "1 of 4 test images show the same picture" in notes(data.findings)[1]
    assert len(load_folder(photos, duplicates="drop").test) == 3


def test_check_describes_a_folder_without_training(photos: Path) -> None:
    Image.new("L", (20, 10)).save(photos / "dog" / "8.png")
    result = visbase("check", photos, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["images"] == {"": {"cat": 8, "dog": 9}}
    assert (found["smallest"], found["largest"]) == ([20, 10], [32, 32])
    assert found["n_colour"] == 16
    assert found["copies"][0]["names"][0] == "cat/0.png"
    assert found["blank"] == ["dog/8.png"]
    assert found["decisions"] == [
        "Blank images (1): dog/8.png; remove them, unless they are meant"
    ]
    (photos / "dog" / "8.png").unlink()
    result = visbase("check", photos)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{photos}: 16 images in 2 classes",
        "  class  images",
        "  cat         8",
        "  dog         8",
        "No split is given; one would be made at random.",
        "Image sizes: 32 x 32 pixels; all are in colour.",
        "Pictures with near-duplicates, 4 images (1): cat/0.png = cat/1.png = "
        "cat/2.png = cat/3.png",
        "Nothing needs a decision.",
    ]


def test_check_lists_every_fault_at_once(photos: Path) -> None:
    noise(photos / "Cat", 1, 32)
    (photos / "dog" / "notes.txt").touch()
    result = visbase("check", photos)
    assert result.exit_code == 1
    heading, *faults = result.stdout.splitlines()[-4:]
    assert heading == "Needs a decision:"
    assert [fault.partition(":")[0] for fault in faults] == [
        "- Files that cannot be read (1)",
        "- Classes with too few images (1)",
        "- Classes that differ only in capitals (1)",
    ]
    assert "dog/notes.txt (not a JPEG" in faults[0]
    assert "one level deeper" in refusal("check", photos.parent)
    assert "no such folder" in refusal("check", photos / "none")


def test_empty_part_of_a_class_needs_a_decision(photos: Path) -> None:
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            noise(photos / part / name, 2)
    assert decisions(examine(photos)) == []
    for path in (photos / "test" / "dog").iterdir():
        path.unlink()
    (line,) = decisions(examine(photos))
    assert line.startswith("Classes with too few images (1): dog (none in test)")
