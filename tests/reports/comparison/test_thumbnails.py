"""Thumbnails: as large as their number allows, and only of the folder's own files."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visbase.reports.comparison.thumbnails import SIDES, thumbnails


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight files of noise, which compresses worst, 90 x 60 pixels."""
    root = tmp_path_factory.mktemp("photos")
    noise = np.random.default_rng(0).integers(0, 256, (8, 60, 90, 3), np.uint8)
    for i, pixels in enumerate(noise):
        Image.fromarray(pixels).save(root / f"{i}.png")
    return root


def size_of(uri: str | None) -> tuple[int, int]:
    assert uri is not None
    head, _, data = uri.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).size


def test_more_photographs_get_smaller_thumbnails_within_the_length(root: Path) -> None:
    names = [f"{i}.png" for i in range(8)]
    widths = []
    for n_times in (1, 5, 20):
        uris = thumbnails(root, names * n_times, 150_000)
        assert 20_000 < sum(len(uri or "") for uri in uris) <= 150_000
        widths += [{size_of(uri)[0] for uri in uris}.pop()]
    assert widths[0] == 90  # nothing is enlarged
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 3


def test_beyond_the_smallest_the_first_photographs_have_pictures(root: Path) -> None:
    uris = thumbnails(root, ["0.png"] * 40, 10_000)
    n = sum(uri is not None for uri in uris)
    assert 3 < n < 40
    assert None not in uris[:n]
    assert max(size_of(uris[0])) == SIDES[-1]


def test_missing_damaged_and_foreign_files_have_no_picture(root: Path) -> None:
    (root / "damaged.png").write_bytes(b"no image")
    outside = root.parent / "outside.png"
    Image.new("RGB", (9, 9)).save(outside)
    names = ["0.png", "gone.png", "damaged.png", "../outside.png", str(outside), "a\0b"]
    uris = thumbnails(root, names, 100_000)
    assert [uri is not None for uri in uris] == [True] + [False] * 5
    assert thumbnails(root, names[1:], 100_000) == [None] * 5
    assert thumbnails(root, [], 100_000) == []
