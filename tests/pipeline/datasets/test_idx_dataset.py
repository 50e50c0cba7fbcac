"""Where the four files of a data set come from: home, a named folder, or a mirror."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pooch
import pytest

from visbase.pipeline.datasets.idx import IdxFile, load_idx_dataset
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput

NAMES = ("images.gz", "labels.gz", "test-images.gz", "test-labels.gz")
CLASSES = tuple("0123456789")
MIRRORS = ("https://first.invalid/", "https://second.invalid/")
ERROR_PAGE = b"<html><body>503 Service Unavailable</body></html>"


def idx_bytes(array: np.ndarray) -> bytes:
    axes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + axes + array.tobytes()


def write_tiny_dataset(folder: Path) -> list[IdxFile]:
    """Six training and two test images of 4 x 5 pixels; returns what to expect."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    expected = []
    for name, n in zip(NAMES, (6, 6, 2, 2), strict=True):
        images = "images" in name
        shape = (n, 4, 5) if images else (n,)
        array = rng.integers(0, 256 if images else 10, shape, np.uint8)
        content = idx_bytes(array)
        (folder / name).write_bytes(gzip.compress(content))
        digest = hashlib.sha256(content).hexdigest()
        expected.append(IdxFile(name, shape, digest, 255 if images else 9))
    return expected


def load_tiny(expected: list[IdxFile], home: Path, folder: Path | None) -> Dataset:
    return load_idx_dataset("tiny", expected, CLASSES, MIRRORS, home, folder, "digits")


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Path]], list[str]]:
    """Stand in for the network: give it mirror -> folder, get the list of requests.

    A mirror that is not named answers with an error page, as a file.
    """

    def serve(folders: dict[str, Path]) -> list[str]:
        asked: list[str] = []

        def fetch(self: object, url: str, output_file: IO[bytes], _: None) -> None:
            asked.append(url)
            host, _, name = url.rpartition("/")
            folder = folders.get(f"{host}/")
            content = ERROR_PAGE if folder is None else (folder / name).read_bytes()
            output_file.write(content)

        monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fetch)
        return asked

    return serve


@pytest.fixture(autouse=True)
def no_data_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISBASE_DATA", raising=False)


def test_files_at_home_are_read_without_asking_a_mirror(
    tmp_path: Path, mirror: Callable[..., list[str]]
) -> None:
    asked = mirror({})
    tiny = load_tiny(write_tiny_dataset(tmp_path), tmp_path, None)
    assert tiny.name == "tiny"
    assert tiny.train.images.shape == (6, 4, 5)
    assert tiny.test.labels.shape == (2,)
    assert asked == []


def test_named_folder_comes_before_environment_and_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = write_tiny_dataset(tmp_path / "named")
    monkeypatch.setenv("VISBASE_DATA", str(tmp_path / "no such folder"))
    tiny = load_tiny(expected, tmp_path / "home", tmp_path / "named")
    assert len(tiny.train) == 6
    assert not (tmp_path / "home").exists()


def test_subfolder_of_the_environment_with_the_name_of_the_dataset_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = write_tiny_dataset(tmp_path / "all" / "tiny")
    monkeypatch.setenv("VISBASE_DATA", str(tmp_path / "all"))
    assert len(load_tiny(expected, tmp_path / "home", None).train) == 6


def test_named_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    expected = write_tiny_dataset(tmp_path)
    with pytest.raises(BadInput, match=r"no such: expected a folder with images.gz"):
        load_tiny(expected, tmp_path, tmp_path / "no such")


def test_missing_file_is_fetched_from_the_first_mirror_that_has_it(
    tmp_path: Path, mirror: Callable[..., list[str]]
) -> None:
    expected = write_tiny_dataset(tmp_path / "server")
    asked = mirror({MIRRORS[1]: tmp_path / "server"})
    home = tmp_path / "home"
    fetched = load_tiny(expected, home, None)
    original = load_tiny(expected, tmp_path / "server", None)
    assert np.array_equal(fetched.train.images, original.train.images)
    assert sorted(path.name for path in home.iterdir()) == sorted(NAMES)
    assert asked == [mirror + name for name in NAMES for mirror in MIRRORS]


def test_error_pages_are_refused_and_leave_nothing_behind(
    tmp_path: Path, mirror: Callable[..., list[str]]
) -> None:
    expected = write_tiny_dataset(tmp_path / "server")
    mirror({})
    home = tmp_path / ("a long name of a folder" * 5)
    with pytest.raises(BadInput) as raised:
        load_tiny(expected, home, None)
    message = str(raised.value)
    assert message.startswith(f"{home / 'images.gz'}: missing")
    assert all(mirror in message for mirror in MIRRORS)
    assert "not a valid gzip file" in message
    assert "\n" not in message
    assert list(home.iterdir()) == []


def test_unreachable_mirrors_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object, url: str, *__: object) -> None:
        raise ConnectionError(f"cannot reach\n{url}")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", refuse)
    expected = write_tiny_dataset(tmp_path / "server")
    with pytest.raises(BadInput, match=r"first.invalid.*cannot reach.*second.inv") as e:
        load_tiny(expected, tmp_path, None)
    assert "\n" not in str(e.value)


def test_damaged_file_is_told_and_not_replaced(
    tmp_path: Path, mirror: Callable[..., list[str]]
) -> None:
    expected = write_tiny_dataset(tmp_path)
    asked = mirror({})
    (tmp_path / "labels.gz").write_bytes(b"mine")
    with pytest.raises(BadInput, match=r"labels.gz: not a valid gzip file"):
        load_tiny(expected, tmp_path, None)
    assert (tmp_path / "labels.gz").read_bytes() == b"mine"
    assert asked == []
