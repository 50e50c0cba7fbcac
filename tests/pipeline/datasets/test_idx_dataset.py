"""Where the four files of a dataset come from: home, a named folder, or a mirror."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pooch
import pytest

from tests.pipeline.datasets.builders import ERROR_PAGE, write_idx
from visbase.pipeline.datasets.idx import IdxFile, load_idx_dataset
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput

NAMES = ("images.gz", "labels.gz", "test-images.gz", "test-labels.gz")
CLASSES = tuple("0123456789")
MIRRORS = ("https://first.invalid/", "https://second.invalid/")

Mirror = Callable[..., list[str]]


def write_tiny_dataset(folder: Path) -> list[IdxFile]:
    """Six training and two test images of 4 x 5 pixels; returns what to expect."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    return [
        write_idx(
            folder / name,
            rng.integers(0, largest + 1, (n, *shape), np.uint8),
            largest,
        )
        for name, n in zip(NAMES, (6, 6, 2, 2), strict=True)
        for largest, shape in [(255, (4, 5)) if "images" in name else (9, ())]
    ]


def load_tiny(expected: list[IdxFile], home: Path, folder: Path | None) -> Dataset:
    return load_idx_dataset("tiny", expected, CLASSES, MIRRORS, home, folder, "digits")


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """Stand in for the network: name a mirror and its folder, get the list of requests.

    Every other mirror answers with an error page, as a file, or raises an exception.
    """

    def serve(
        known: str = "", folder: Path = Path(), other: bytes | Exception = ERROR_PAGE
    ) -> list[str]:
        asked: list[str] = []

        def fetch(self: object, url: str, output_file: IO[bytes], _: None) -> None:
            asked.append(url)
            host, _, name = url.rpartition("/")
            if f"{host}/" == known:
                output_file.write((folder / name).read_bytes())
            elif isinstance(other, bytes):
                output_file.write(other)
            else:
                raise other

        monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fetch)
        return asked

    monkeypatch.delenv("VISBASE_DATA", raising=False)
    return serve


@pytest.mark.parametrize(
    ("place", "folder", "environment"),
    [
        ("home", None, ""),
        ("named", "named", "no such folder"),
        ("all/tiny", None, "all"),
    ],
    ids=["home", "named before environment", "subfolder of the environment"],
)
def test_files_on_disk_are_read_without_asking_a_mirror(
    tmp_path: Path,
    mirror: Mirror,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    folder: str | None,
    environment: str,
) -> None:
    asked = mirror()
    expected = write_tiny_dataset(tmp_path / place)
    if environment:
        monkeypatch.setenv("VISBASE_DATA", str(tmp_path / environment))
    tiny = load_tiny(expected, tmp_path / "home", tmp_path / folder if folder else None)
    assert tiny.name == "tiny"
    assert tiny.train.images.shape == (6, 4, 5)
    assert tiny.test.labels.shape == (2,)
    assert asked == []
    assert (tmp_path / "home").exists() == (place == "home")


def test_named_folder_must_exist(tmp_path: Path) -> None:
    expected = write_tiny_dataset(tmp_path)
    with pytest.raises(BadInput, match=r"no such: .*images.gz"):
        load_tiny(expected, tmp_path, tmp_path / "no such")


def test_missing_file_is_fetched_from_the_first_mirror_that_has_it(
    tmp_path: Path, mirror: Mirror
) -> None:
    server, home = tmp_path / "server", tmp_path / "home"
    expected = write_tiny_dataset(server)
    asked = mirror(MIRRORS[1], server)
    fetched = load_tiny(expected, home, None)
    original = load_tiny(expected, server, None)
    assert np.array_equal(fetched.train.images, original.train.images)
    assert sorted(path.name for path in home.iterdir()) == sorted(NAMES)
    assert asked == [mirror + name for name in NAMES for mirror in MIRRORS]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(ERROR_PAGE, "gzip"), (ConnectionError("cannot\nreach"), "cannot reach")],
    ids=["error page", "unreachable"],
)
def test_useless_mirrors_are_listed_in_one_line_and_leave_nothing_behind(
    tmp_path: Path, mirror: Mirror, answer: bytes | Exception, reason: str
) -> None:
    expected = write_tiny_dataset(tmp_path / "server")
    mirror(other=answer)
    home = tmp_path / ("a long name of a folder" * 5)
    with pytest.raises(BadInput) as raised:
        load_tiny(expected, home, None)
    message = str(raised.value)
    assert message.startswith(f"{home / 'images.gz'}: missing")
    for url in MIRRORS:
        assert reason in message.partition(f"{url}: ")[2][:120]
    assert "\n" not in message
    assert list(home.iterdir()) == []


def test_damaged_file_is_reported_and_not_replaced(
    tmp_path: Path, mirror: Mirror
) -> None:
    expected = write_tiny_dataset(tmp_path)
    asked = mirror()
    (tmp_path / "labels.gz").write_bytes(b"mine")
    with pytest.raises(BadInput, match=r"labels.gz: .*gzip"):
        load_tiny(expected, tmp_path, None)
    assert (tmp_path / "labels.gz").read_bytes() == b"mine"
    assert asked == []
