"""IDX files: every fault has a message of its own."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.hostile import peak_bytes
from tests.pipeline.datasets.builders import ERROR_PAGE, idx_bytes, write_idx
from visbase.pipeline.datasets.idx import IdxFile, read_idx
from visbase.pipeline.errors import BadInput

LABELS = np.array([3, 1, 4, 1, 5, 9, 2, 6], np.uint8)
SOUND = idx_bytes(LABELS)
PACKED = gzip.compress(SOUND, mtime=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.gz"


@pytest.fixture
def expected(path: Path) -> IdxFile:
    return write_idx(path, LABELS, largest=9)


def fault_of(path: Path, expected: IdxFile) -> str:
    """The message about a file, which must be one line that starts with its path."""
    with pytest.raises(BadInput) as raised:
        read_idx(path, expected)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_sound_file_gives_its_values_read_only(path: Path, expected: IdxFile) -> None:
    values = read_idx(path, expected)
    assert values.tolist() == LABELS.tolist()
    assert values.dtype == np.uint8
    assert not values.flags.writeable


def test_missing_file_and_folder_are_told_apart(path: Path, expected: IdxFile) -> None:
    assert "missing" in fault_of(path.with_name("absent.gz"), expected)
    assert "cannot be read" in fault_of(path.parent, expected)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (ERROR_PAGE, "gzip"),
        (PACKED[:-5] + bytes([PACKED[-5] ^ 1]) + PACKED[-4:], "gzip"),  # checksum
        *((PACKED[:length], "truncated") for length in range(2, len(PACKED))),
    ],
)
def test_every_fault_of_the_gzip_stream_is_named(
    path: Path, expected: IdxFile, content: bytes, fault: str
) -> None:
    path.write_bytes(content)
    assert fault in fault_of(path, expected)


@pytest.mark.parametrize(
    ("content", "fault", "numbers"),
    [
        (b"", "magic", ["00000801", "nothing"]),
        (ERROR_PAGE, "magic", ["00000801", ERROR_PAGE[:4].hex()]),
        (idx_bytes(LABELS.reshape(2, 4)), "magic", ["00000802"]),
        (SOUND[:6], "truncated", ["16 bytes", "found 6"]),
        (SOUND[:-1], "truncated", ["16 bytes", "found 15"]),
        (SOUND + b"\0", "too long", ["16 bytes"]),
        (idx_bytes(LABELS[:7]), "shape", ["(8,)", "(7,)"]),
        (idx_bytes(np.r_[LABELS, LABELS]), "shape", ["(8,)", "(16,)"]),
        (idx_bytes(LABELS + np.uint8(4)), "values", ["0 to 9", "13 at position 5"]),
        (idx_bytes(LABELS[::-1]), "checksum", []),
    ],
)
def test_wrong_content_in_sound_gzip_is_named(
    path: Path, expected: IdxFile, content: bytes, fault: str, numbers: list[str]
) -> None:
    path.write_bytes(gzip.compress(content))
    message = fault_of(path, expected)
    assert all(part in message for part in (fault, *numbers))


def test_gzip_bomb_is_not_unpacked(path: Path, expected: IdxFile) -> None:
    path.write_bytes(gzip.compress(SOUND + bytes(50_000_000), 1))
    assert peak_bytes(lambda: fault_of(path, expected)) < 2_000_000
