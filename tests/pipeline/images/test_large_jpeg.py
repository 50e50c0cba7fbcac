"""Large JPEG files: decoded at the scale that is needed, in little memory."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hostile import peak_bytes
from visbase.pipeline.datasets.photo_check import check_photos
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images import photo_files
from visbase.pipeline.images.batches import resized, shrink
from visbase.pipeline.images.photo_files import read_image

pytestmark = pytest.mark.usefixtures("fresh_folders")  # a check keeps its facts there


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JPEG file counts as large from 65 pixels on."""
    monkeypatch.setattr(photo_files, "LARGE_PX", 64)


def stripes(width: int, height: int) -> Image.Image:
    """Black above white, which a quarter turn shows."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("black", (0, 0, width, height // 2))
    return image


@pytest.mark.parametrize("longest_px", [101, 60, 50, 26, 7])
@pytest.mark.parametrize("turn", [1, 6, 9])  # 9 is none, and is ignored
def test_large_jpeg_is_as_large_as_said_at_every_scale(
    tmp_path: Path, large: None, longest_px: int, turn: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    stripes(67, 101).save(tmp_path / "a.jpg", exif=exif, quality=95)
    found = check_photos([tmp_path / "a.jpg"]).photos
    assert found.sizes.tolist() == [[67, 101] if turn == 6 else [101, 67]]
    whole, part = found[0], found.within(longest_px)
    assert whole.shape[:2] == tuple(found.sizes[0])
    assert part[0].shape[:2] == tuple(part.sizes[0])
    expected = shrink(whole, longest_px).astype(int)
    assert np.abs(part[0] - expected).mean() < 4
    assert (read_image(tmp_path / "a.jpg", longest_px) == part[0]).all()


def test_image_to_be_resized_is_decoded_no_finer_than_needed(
    tmp_path: Path, large: None
) -> None:
    paths = [tmp_path / name for name in ("a.jpg", "b.png")]
    for path in paths:
        stripes(64, 96).save(path)
    found = check_photos(paths).photos
    shapes = {
        least_px: [found.coarse(at, least_px).shape[:2] for at in (0, 1)]
        for least_px in (8, 9, 16, 17, 32, 33, 500)
    }
    assert shapes[8] == [(12, 8), (96, 64)]
    assert shapes[9] == shapes[16] == [(24, 16), (96, 64)]
    assert shapes[17] == shapes[32] == [(48, 32), (96, 64)]
    assert shapes[33] == shapes[500] == [(96, 64)] * 2
    assert found.within(20).coarse(0, 8).shape[:2] == (20, 13)
    small = resized(found, 8, 8, 3).astype(int)
    assert np.abs(small - resized(list(found), 8, 8, 3)).mean() < 4


def test_large_jpeg_needs_little_memory_and_tells_a_change(
    tmp_path: Path, large: None
) -> None:
    path = tmp_path / "a.jpg"
    stripes(2000, 1600).save(path)
    part = check_photos([path]).photos.within(100)
    assert peak_bytes(lambda: part[0]) < 2000 * 1600 * 3 / 4
    content = path.read_bytes()
    path.write_bytes(content[:-2] + b"\0" + content[-2:])  # the pixels stay
    with pytest.raises(BadInput, match=r"a\.jpg: changed"):
        part[0]
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match=r"a\.jpg: cannot be read"):
        part[0]
