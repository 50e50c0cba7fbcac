"""Facts per photograph, kept on disk, and photographs that show the same picture."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from visbase.pipeline.datasets import photo_check
from visbase.pipeline.datasets.near_duplicates import (
    groups_of,
    look_of,
    near_duplicates,
)
from visbase.pipeline.datasets.photo_check import check_photos

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def scene(seed: int) -> Image.Image:
    """A picture with structure of every size, as photographs have it."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((150, 200, 3), np.float32)
    for side in (3, 6, 12, 25, 50):
        noise = rng.normal(0, 60, (side * 3 // 4, side, 3)).astype(np.float32)
        pixels += cv2.resize(noise, (200, 150), interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(np.clip(pixels + 128, 0, 255).astype(np.uint8))


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are decoded from now on."""
    names: list[str] = []
    decode = photo_check.decode
    monkeypatch.setattr(
        photo_check,
        "decode",
        lambda path, px: names.append(path.name) or decode(path, px),
    )
    return names


def test_check_keeps_order_and_gives_reasons(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"x")
    paths = [save(tmp_path / f"{name}.png", GREY) for name in "ca"]
    checked = check_photos([paths[0], tmp_path / "b.png", paths[1]])
    assert checked.photos.paths == paths
    assert checked.photos.sizes.tolist() == [[3, 4], [3, 4]]
    assert list(checked.reasons) == [tmp_path / "b.png"]
    assert check_photos([]).photos.sizes.shape == (0, 2)


def test_blank_and_grey_photographs_are_told(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(100, 104, (40, 50, 3), np.uint8)
    images = {
        "black": np.zeros((9, 9), np.uint8),
        "noise": noise,
        "red and green of one luma": np.array([[[255, 0, 0], [0, 130, 0]]], np.uint8),
        "false colour": np.repeat(GREY[..., None], 3, axis=2),
    }
    checked = check_photos([save(tmp_path / f"{k}.png", v) for k, v in images.items()])
    assert checked.blank.tolist() == [True, True, False, False]
    assert checked.grey.tolist() == [True, False, False, True]


def test_only_new_and_changed_files_are_decoded_again(
    tmp_path: Path, decoded: list[str]
) -> None:
    paths = [save(tmp_path / f"{name}.png", GREY) for name in ("a", "b\n", "é")]
    first = check_photos(paths)
    decoded.clear()
    second = check_photos([*paths[::-1], save(tmp_path / "d.png", COLOUR)])
    assert decoded == ["d.png"]
    assert second.photos.digests[:3] == first.photos.digests[::-1]
    assert second.looks.tolist()[:3] == first.looks.tolist()[::-1]
    assert second.grey.tolist() == [True] * 3 + [False]
    decoded.clear()
    other = save(tmp_path / "other.png", GREY // 2)
    times = paths[1].stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(paths[1])
    assert check_photos(paths).photos.digests[1] != first.photos.digests[1]
    assert decoded == ["b\n.png"]


def test_facts_of_other_files_are_kept_while_they_exist_and_up_to_a_number(
    tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_check, "KEPT", 2)
    a, b, c, d, e = (save(tmp_path / f"{name}.png", GREY) for name in "abcde")
    for path in (a, b, c, d):
        check_photos([path])
    decoded.clear()
    for path in (d, c, b):
        check_photos([path])
    assert decoded == []
    d.unlink()
    check_photos([e])
    check_photos([b, c, e])
    assert decoded == ["e.png"]
    check_photos([a])
    assert decoded == ["e.png", "a.png"]


def test_damaged_facts_are_found_anew(
    tmp_path: Path, decoded: list[str], kept_facts: Path
) -> None:
    path = save(tmp_path / "a.png", GREY)
    digests = check_photos([path]).photos.digests
    (entry,) = kept_facts.glob("photographs-*")
    whole = entry.read_bytes()
    for content in (b"", whole[:-50], whole.replace(digests[0].encode(), b"0" * 64)):
        decoded.clear()
        entry.write_bytes(content)
        assert check_photos([path]).photos.digests == digests
        assert decoded == ["a.png"]


def copies(image: Image.Image, folder: Path) -> list[Path]:
    """The image, and what people do to it."""
    width, height = image.size
    x, y = round(0.03 * width), round(0.03 * height)
    image.save(folder / "a.png")
    image.save(folder / "encoded.jpg", quality=40)
    image.resize((width // 2, height // 2)).save(folder / "half.png")
    ImageOps.mirror(image).save(folder / "mirrored.png")
    image.crop((x, y, width - x, height - y)).save(folder / "cropped.png")
    image.crop((2 * x, 0, width, height)).save(folder / "cropped at the left.png")
    return sorted(folder.iterdir())


def test_every_kind_of_copy_is_found(tmp_path: Path) -> None:
    paths = copies(scene(0), tmp_path)
    others = [look_of(np.asarray(scene(seed))) for seed in range(1, 30)]
    looks = [look_of(np.asarray(Image.open(path).convert("RGB"))) for path in paths]
    pairs = near_duplicates(np.array([*others, *looks]))
    assert pairs.min() == len(others)
    assert {j for i, j in pairs.tolist() if i == len(others)} == set(range(30, 35))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    groups = groups_of(35, pairs)
    assert len(set(groups.tolist())) == 30
    assert len(set(groups[29:].tolist())) == 1


def test_blank_photographs_and_pieces_of_one_scene_are_no_copies() -> None:
    image = scene(0)
    images = [image, image.crop((0, 0, 150, 150)), image.crop((50, 0, 200, 150))]
    images += [image.rotate(20), Image.new("L", (9, 9), 7), Image.new("L", (5, 5), 7)]
    assert len(near_duplicates(np.array([look_of(np.array(i)) for i in images]))) == 0
    assert near_duplicates(np.empty((0, 64 * 64), np.uint8)).shape == (0, 2)
    assert groups_of(3, np.empty((0, 2), np.int64)).tolist() == [0, 1, 2]


def test_many_frames_of_one_film_are_one_group() -> None:
    rng = np.random.default_rng(0)
    frame = look_of(np.asarray(scene(0))).astype(int)
    noise = rng.integers(-3, 4, (60, len(frame)))
    pairs = near_duplicates(np.clip(frame + noise, 0, 255).astype(np.uint8))
    assert len(pairs) <= 60 * 20 < 60 * 59 / 2
    assert groups_of(60, pairs).tolist() == [0] * 60
