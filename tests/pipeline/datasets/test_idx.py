"""IDX files: every fault has a message of its own."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.hostile import peak_bytes
from visbase.pipeline.datasets.idx import IdxFile, read_idx
from visbase.pipeline.errors import BadInput

LABELS = np.array([3, 1, 4, 1, 5, 9, 2, 6], np.uint8)
ERROR_PAGE = b"<html><body>503 Service Unavailable</body></html>"


def idx_bytes(array: np.ndarray) -> bytes:
    axes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + axes + array.tobytes()


def write_labels(path: Path) -> IdxFile:
    content = idx_bytes(LABELS)
    path.write_bytes(gzip.compress(content))
    digest = hashlib.sha256(content).hexdigest()
    return IdxFile(path.name, LABELS.shape, digest, largest=9)


def fault_of(path: Path, expected: IdxFile) -> str:
    """The message about a file, which must be one line that starts with its path."""
    with pytest.raises(BadInput) as raised:
        read_idx(path, expected)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_sound_file_gives_its_values_read_only(tmp_path: Path) -> None:
    expected = write_labels(tmp_path / "labels.gz")
    values = read_idx(tmp_path / "labels.gz", expected)
    assert values.tolist() == LABELS.tolist()
    assert values.dtype == np.uint8
    assert not values.flags.writeable


def test_missing_file_is_called_missing(tmp_path: Path) -> None:
    expected = write_labels(tmp_path / "labels.gz")
    assert "missing" in fault_of(tmp_path / "absent.gz", expected)


def test_file_that_is_no_gzip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    expected = write_labels(path)
    path.write_bytes(ERROR_PAGE)
    assert "not a valid gzip file" in fault_of(path, expected)


def test_folder_in_place_of_a_file_is_told(tmp_path: Path) -> None:
    expected = write_labels(tmp_path / "labels.gz")
    assert "cannot be read" in fault_of(tmp_path, expected)


def test_every_truncation_of_the_gzip_stream_is_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    expected = write_labels(path)
    whole = path.read_bytes()
    for length in range(2, len(whole)):
        path.write_bytes(whole[:length])
        assert "truncated" in fault_of(path, expected)


def test_damaged_gzip_stream_is_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    expected = write_labels(path)
    whole = bytearray(path.read_bytes())
    whole[-5] ^= 1  # of the checksum at the end
    path.write_bytes(whole)
    assert "not a valid gzip file" in fault_of(path, expected)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "wrong magic number, expected 00000801"),
        (ERROR_PAGE, "wrong magic number"),
        (idx_bytes(LABELS.astype(np.uint8).reshape(2, 4)), "found 00000802"),
        (idx_bytes(LABELS)[:6], "truncated, expected 16 bytes of content, found 6"),
        (idx_bytes(LABELS)[:-1], "truncated, expected 16 bytes of content, found 15"),
        (idx_bytes(LABELS) + b"\0", "too long, expected 16 bytes"),
        (idx_bytes(LABELS[:7]), "expected an array of shape (8,), found (7,)"),
        (idx_bytes(np.r_[LABELS, LABELS]), "shape (8,), found (16,)"),
        (idx_bytes(LABELS + np.uint8(4)), "values from 0 to 9, found 13 at position 5"),
        (idx_bytes(LABELS[::-1]), "wrong checksum"),
    ],
)
def test_wrong_content_in_sound_gzip_is_told(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    path = tmp_path / "labels.gz"
    expected = write_labels(path)
    path.write_bytes(gzip.compress(content))
    assert fault in fault_of(path, expected)


def test_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    expected = write_labels(path)
    path.write_bytes(gzip.compress(idx_bytes(LABELS) + bytes(50_000_000), 1))
    assert "too long" in fault_of(path, expected)
    assert peak_bytes(lambda: fault_of(path, expected)) < 2_000_000
