"""Image files: every kind decodes to grey or RGB; many are never decoded at once."""

import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.hostile import peak_bytes
from visbase.pipeline.datasets.photo_check import check_photos
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.sample import learn_vocabularies
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images import photo_files
from visbase.pipeline.images.batches import choose, stack_grey
from visbase.pipeline.images.blocks import BLOCK_PIXELS, map_blocks
from visbase.pipeline.images.photo_files import PhotoFiles, read_image
from visbase.pipeline.storage import cache

pytestmark = pytest.mark.usefixtures("fresh_folders")  # a check keeps its facts there
GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def photos(folder: Path, *sizes: tuple[int, int]) -> PhotoFiles:
    """Checked grey PNG files of noise of the given heights and widths."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, size, np.uint8) for size in sizes]
    paths = [save(folder / f"{i}.png", pixels) for i, pixels in enumerate(noise)]
    checked = check_photos(paths)
    assert not checked.reasons
    return checked.photos


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that the sequence decodes from now on."""
    seen: list[Path] = []

    def record(path: Path, *how: Any) -> photo_files.Decoded:
        seen.append(path)
        return decode(path, *how)

    decode = photo_files.decode
    monkeypatch.setattr(photo_files, "decode", record)
    return seen


def test_jpeg_is_grey_or_rgb_as_it_was_saved(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 40, 90), np.uint8)
    pixels = read_image(save(tmp_path / "a.jpg", flat, quality=95))
    assert np.abs(pixels.astype(int) - flat).max() <= 3
    assert read_image(save(tmp_path / "b.jpg", flat[..., 0])).shape == (16, 16)


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png", "webp"])
def test_photograph_is_turned_as_its_exif_says(tmp_path: Path, suffix: str) -> None:
    image = Image.new("RGB", (32, 16), "white")
    image.paste("black", (0, 0, 16, 16))  # left half black
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter: left becomes top
    image.save(tmp_path / f"a.{suffix}", exif=exif)
    pixels = read_image(tmp_path / f"a.{suffix}")
    assert pixels.shape == (32, 16, 3)
    assert pixels[:12].max() < 50 and pixels[20:].min() > 200


def refusal(source: Path) -> str:
    with pytest.raises(BadInput, match=r"\A.*: cannot be read: .*\Z") as caught:
        read_image(source)
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["avif", "heic"])
def test_photograph_of_a_phone_is_read(tmp_path: Path, suffix: str) -> None:
    flat = Image.new("RGB", (64, 48), (200, 40, 90))
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        pytest.importorskip("pillow_heif").from_pillow(flat).save(path)
    else:
        flat.save(path)
    pixels = read_image(path)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels.astype(int) - flat.getpixel((0, 0))).max() <= 4
    assert "HEIF" not in Image.registered_extensions().values()  # Pillow is the user's
    path.write_bytes(path.read_bytes()[:200])
    refusal(path)


def test_heic_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x1cftypheic" + bytes(20))
    assert "pip install pillow-heif" in refusal(tmp_path / "a.heic")


QOI = b"qoif\0\0\0\1\0\0\0\1\3\0\xc0" + bytes(7) + b"\1"  # sound


@pytest.mark.parametrize("content", [b"", b"hello", QOI])
def test_content_decides_whatever_the_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / os.fsdecode(b"a\nb\xff.png")
    path.write_bytes(content)
    assert "a\\nb\\udcff.png: cannot be read: not a JPEG, PNG" in refusal(path)


@pytest.mark.parametrize(
    "suffix", ["png", "jpg", "bmp", "tif", "webp", "gif", "avif", "jp2", "ppm"]
)
def test_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = save(tmp_path / f"a.{suffix}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refusal(path)


def test_claims_of_gigabytes_in_a_chunk_or_header_reserve_none(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", GREY)
    sound = path.read_bytes()
    before, after = sound.split(b"IDAT")
    path.write_bytes(before[:-4] + b"\xff" * 4 + b"IDAT" + after)  # its length
    assert peak_bytes(lambda: read_image(path)) < 10_000_000
    bomb = b"IHDR" + struct.pack(">II", 20_000, 20_000) + sound[24:29]
    path.write_bytes(sound[:12] + bomb + zlib.crc32(bomb).to_bytes(4) + sound[33:])
    assert peak_bytes(lambda: refusal(path)) < 10_000_000
    assert "more than 100,000,000 pixels" in refusal(path)


def test_file_that_is_larger_than_any_image_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_files, "MAX_BYTES", 2 * photo_files.BLOCK)
    path = tmp_path / "a.png"
    for n_bytes, expected in ((2**21 - 1, "not a JPEG"), (2**21 + 1, "more than 2 MB")):
        path.write_bytes(bytes(n_bytes))
        assert expected in refusal(path)
    path.write_bytes(bytes(30_000_000))
    assert peak_bytes(lambda: refusal(path)) < 5_000_000


def test_largest_size_is_decoded_and_one_row_more_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", GREY)
    monkeypatch.setattr(photo_files, "MAX_PIXELS", 12)
    assert read_image(path).shape == (3, 4)
    monkeypatch.setattr(photo_files, "MAX_PIXELS", 11)
    assert "4 x 3 pixels, expected at most 11" in refusal(path)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    expected = {"pipe": "regular", "loop": "link", "": "a folder", "none": "no such"}
    for name, word in expected.items():
        assert word in refusal(tmp_path / name)


def test_sequence_decodes_what_is_asked(tmp_path: Path, decoded: list[Path]) -> None:
    some = photos(tmp_path, (3, 4), (5, 6), (7, 8))
    part = choose(some[1:], np.array([1, 0, 1]))
    assert isinstance(part, PhotoFiles)
    assert part.sizes.tolist() == [[7, 8], [5, 6], [7, 8]]
    assert part.digests == [some.digests[i] for i in (2, 1, 2)]
    with pytest.raises(BadInput, match="found 2 sizes"):
        stack_grey(part)
    assert decoded == []
    assert part[0].shape == part[-1].shape == (7, 8)
    assert decoded == [tmp_path / "2.png"] * 2
    assert [image.shape for image in some] == [(3, 4), (5, 6), (7, 8)]


def test_cache_key_depends_on_the_pixels(tmp_path: Path, decoded: list[Path]) -> None:
    some = photos(tmp_path, (3, 4), (3, 4))
    key = cache.fingerprint({"images": some})
    assert decoded == []
    assert key == cache.fingerprint({"images": [some[0], some[1]]})
    assert key != cache.fingerprint({"images": some[::-1]})
    assert key != cache.fingerprint({"images": some[:1]})
    paths = [save(tmp_path / "a.png", COLOUR), save(tmp_path / "b.bmp", COLOUR)]
    paths.append(save(tmp_path / "c.png", COLOUR + 1))
    first, second, third = check_photos(paths).photos.digests
    assert first == second != third


def test_file_that_changed_since_it_was_checked_is_refused(tmp_path: Path) -> None:
    some = photos(tmp_path, (3, 4), (3, 4))
    for shape in ((3, 4), (4, 3)):
        save(some.paths[1], np.full(shape, 7, np.uint8))
        for files in (some, some.within(2), some.take([0, 1])):
            assert files[0].ndim == 2
            with pytest.raises(BadInput, match=r"1\.png: changed"):
                files[1]


def test_block_of_photographs_is_cut_by_pixels(tmp_path: Path) -> None:
    side = int(BLOCK_PIXELS**0.5) + 1
    some = photos(tmp_path, (10, 10), (10, 10), (side, side), (10, 10))
    seen = []

    def count(images: PhotoFiles) -> np.ndarray:
        seen.append(len(images))
        return np.array([image.size for image in images], np.float32)[:, None]

    pixels = map_blocks(count, some, "test")
    assert sorted(seen) == [1, 1, 2]
    assert pixels.ravel().tolist() == some.sizes.prod(axis=1).tolist()
    none = map_blocks(lambda images: np.zeros((len(images), 7)), some[:0], "test")
    assert none.shape == (0, 7)


def test_single_photographs_give_samples_from_all_of_the_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = photos(tmp_path, *[(32, 32)] * 4)
    monkeypatch.setattr("visbase.pipeline.images.blocks.BLOCK_PIXELS", 1)
    monkeypatch.setattr(
        "visbase.pipeline.encoding.sample.learn_vocabulary",
        lambda values, n_words, rng, track: values,
    )
    grid = DenseSift(2.0, 4)
    (sampled,) = learn_vocabularies(some, [grid], 2, 4, 0)
    rows = {
        int(np.flatnonzero((grid.extract([image]).values == value).all(axis=1))[0])
        for image, value in zip(some, sampled, strict=True)
    }
    assert len(rows) > 1
