"""IDX files: every fault is named; four of them come from home, a folder, a mirror."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pooch
import pytest

from tests.hostile import peak_bytes
from visbase.pipeline.datasets.idx import IdxFile, load_idx_dataset, read_idx
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput

ERROR_PAGE = b"<html><body>503 Service Unavailable</body></html>"
NAMES = ("images.gz", "labels.gz", "test-images.gz", "test-labels.gz")
CLASSES = tuple("0123456789")
MIRRORS = ("https://first.invalid/", "https://second.invalid/")

Answer = Callable[[str], bytes]
Serve = Callable[[Answer], list[str]]


def idx_bytes(array: np.ndarray) -> bytes:
    axes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + axes + array.tobytes()


def write_idx(path: Path, array: np.ndarray) -> IdxFile:
    """Write images, or labels up to 9; return what to expect of the file."""
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content))
    digest = hashlib.sha256(content).hexdigest()
    return IdxFile(path.name, array.shape, digest, 9 if array.ndim == 1 else 255)


LABELS = np.array([3, 1, 4, 1, 5, 9, 2, 6], np.uint8)
SOUND = idx_bytes(LABELS)
PACKED = gzip.compress(SOUND, mtime=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.gz"


@pytest.fixture
def expected(path: Path) -> IdxFile:
    return write_idx(path, LABELS)


def fault_of(path: Path, expected: IdxFile) -> str:
    """The message about a file, which must be one line that starts with its path."""
    with pytest.raises(BadInput, match=r"\A.*\Z") as raised:
        read_idx(path, expected)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    return message


def test_sound_file_gives_its_values_read_only(path: Path, expected: IdxFile) -> None:
    values = read_idx(path, expected)
    assert values.tolist() == LABELS.tolist()
    assert values.dtype == np.uint8 and not values.flags.writeable


def test_missing_file_and_folder_are_told_apart(path: Path, expected: IdxFile) -> None:
    assert "missing" in fault_of(path.with_name("absent.gz"), expected)
    assert "cannot be read" in fault_of(path.parent, expected)


@pytest.mark.parametrize(
    ("packed", "fault"),
    [
        (ERROR_PAGE, "gzip"),
        (PACKED[:-5] + bytes([PACKED[-5] ^ 1]) + PACKED[-4:], "gzip"),  # checksum
        *((PACKED[:length], "truncated") for length in range(2, len(PACKED))),
    ],
)
def test_every_fault_of_the_gzip_stream_is_named(
    path: Path, expected: IdxFile, packed: bytes, fault: str
) -> None:
    path.write_bytes(packed)
    assert fault in fault_of(path, expected)


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (b"", ["magic", "00000801", "nothing"]),
        (ERROR_PAGE, ["magic", "00000801", ERROR_PAGE[:4].hex()]),
        (idx_bytes(LABELS.reshape(2, 4)), ["magic", "00000802"]),
        (SOUND[:6], ["truncated", "16 bytes", "found 6"]),
        (SOUND[:-1], ["truncated", "16 bytes", "found 15"]),
        (SOUND + b"\0", ["too long", "16 bytes"]),
        (idx_bytes(LABELS[:7]), ["shape", "(8,)", "(7,)"]),
        (idx_bytes(np.r_[LABELS, LABELS]), ["shape", "(8,)", "(16,)"]),
        (idx_bytes(LABELS + np.uint8(4)), ["values", "0 to 9", "13 at position 5"]),
        (idx_bytes(LABELS[::-1]), ["checksum"]),
    ],
)
def test_wrong_content_in_sound_gzip_is_named(
    path: Path, expected: IdxFile, content: bytes, facts: list[str]
) -> None:
    path.write_bytes(gzip.compress(content))
    message = fault_of(path, expected)
    assert all(fact in message for fact in facts)


def test_gzip_bomb_is_not_unpacked(path: Path, expected: IdxFile) -> None:
    path.write_bytes(gzip.compress(SOUND + bytes(50_000_000), 1))
    assert peak_bytes(lambda: fault_of(path, expected)) < 2_000_000


def write_tiny_dataset(folder: Path) -> list[IdxFile]:
    """Six training and two test images of 4 x 5 pixels; returns what to expect."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    arrays = []
    for n in (6, 2):
        arrays.append(rng.integers(0, 256, (n, 4, 5), np.uint8))
        arrays.append(rng.integers(0, 10, n, np.uint8))
    return [write_idx(folder / name, a) for name, a in zip(NAMES, arrays, strict=True)]


def load_tiny(expected: list[IdxFile], home: Path, folder: Path | None) -> Dataset:
    return load_idx_dataset("tiny", expected, CLASSES, MIRRORS, home, folder, "digits")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Put a function in place of the network and return the list of its requests."""
    monkeypatch.delenv("VISBASE_DATA", raising=False)

    def serve(answer: Answer) -> list[str]:
        asked: list[str] = []

        def fetch(self: object, url: str, output_file: IO[bytes], _: None) -> None:
            asked.append(url)
            output_file.write(answer(url))

        monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fetch)
        return asked

    return serve


def error_page(url: str) -> bytes:
    return ERROR_PAGE


def unreachable(url: str) -> bytes:
    raise ConnectionError("cannot\nreach")


def test_files_on_disk_are_read_without_asking_a_mirror(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = serve(error_page)
    home, named = tmp_path / "home", tmp_path / "named"
    for place, folder, environment in (
        (named, named, tmp_path / "no such"),  # before the environment
        (tmp_path / "all" / "tiny", None, tmp_path / "all"),
        (home, None, ""),
    ):
        expected = write_tiny_dataset(place)
        monkeypatch.setenv("VISBASE_DATA", str(environment))
        tiny = load_tiny(expected, home, folder)
        assert tiny.name == "tiny"
        assert tiny.train.images.shape == (6, 4, 5)
        assert tiny.test.labels.shape == (2,)
        assert home.exists() == (place == home)
    assert asked == []
    with pytest.raises(BadInput, match=r"no such: .*images.gz"):
        load_tiny(expected, home, tmp_path / "no such")


def test_missing_file_is_fetched_from_the_first_mirror_that_has_it(
    tmp_path: Path, serve: Serve
) -> None:
    server, home = tmp_path / "server", tmp_path / "home"
    expected = write_tiny_dataset(server)

    def only_the_second(url: str) -> bytes:
        mirror, _, name = url.rpartition("/")
        return (server / name).read_bytes() if f"{mirror}/" == MIRRORS[1] else b"404"

    asked = serve(only_the_second)
    fetched = load_tiny(expected, home, None)
    original = load_tiny(expected, server, None)
    assert np.array_equal(fetched.train.images, original.train.images)
    assert sorted(path.name for path in home.iterdir()) == sorted(NAMES)
    assert asked == [mirror + name for name in NAMES for mirror in MIRRORS]


@pytest.mark.parametrize(
    ("answer", "reason"), [(error_page, "gzip"), (unreachable, "cannot reach")]
)
def test_useless_mirrors_are_listed_in_one_line_and_leave_nothing_behind(
    tmp_path: Path, serve: Serve, answer: Answer, reason: str
) -> None:
    expected = write_tiny_dataset(tmp_path / "server")
    serve(answer)
    home = tmp_path / ("a long name of a folder" * 5)
    with pytest.raises(BadInput, match=r"\A.*\Z") as raised:
        load_tiny(expected, home, None)
    message = str(raised.value)
    assert message.startswith(f"{home / 'images.gz'}: missing")
    for url in MIRRORS:
        assert reason in message.partition(f"{url}: ")[2][:120]
    assert list(home.iterdir()) == []


def test_damaged_file_is_reported_and_not_replaced(path: Path, serve: Serve) -> None:
    asked = serve(error_page)
    expected = write_tiny_dataset(path.parent)
    path.write_bytes(b"mine")
    with pytest.raises(BadInput, match=r"labels.gz: .*gzip"):
        load_tiny(expected, path.parent, None)
    assert path.read_bytes() == b"mine"
    assert asked == []
