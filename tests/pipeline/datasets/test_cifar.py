"""CIFAR-10 and CIFAR-100: tiny files of their format, and every fault of one."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import IO

import numpy as np
import pooch
import pytest

from visbase.pipeline.datasets import cifar10, cifar100
from visbase.pipeline.datasets.splits import validation_split
from visbase.pipeline.errors import BadInput

PLANE = 32 * 32


def record(*labels: int, red: int = 0) -> bytes:
    """A record whose green is 1, 2, 3 ... in reading order, whose blue is 9."""
    green = (np.arange(PLANE) % 256).astype(np.uint8).tobytes()
    return bytes(labels) + bytes([red] * PLANE) + green + bytes([9] * PLANE)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six batches of two records, whose labels count from 0 to 9 and on from 0."""
    monkeypatch.delenv("VISBASE_DATA", raising=False)
    batches = {
        name: record(2 * i % 10) + record((2 * i + 1) % 10, red=i)
        for i, name in enumerate(cifar10.MD5)
    }
    sums = {name: hashlib.md5(batch).hexdigest() for name, batch in batches.items()}
    monkeypatch.setattr(cifar10, "MD5", sums)
    monkeypatch.setattr(cifar10, "N_BATCH", 2)
    monkeypatch.setattr(cifar10, "N_VALIDATION", 3)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name, batch in batches.items():
        (folder / name).write_bytes(batch)
    return folder


def test_planes_become_colours_and_batches_keep_their_order(tiny: Path) -> None:
    dataset = cifar10.load(tiny)
    assert dataset.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert dataset.test.labels.tolist() == [0, 1]
    images = np.asarray(dataset.train.images)
    assert images.shape == (10, 32, 32, 3)
    assert images[9, 0, 5].tolist() == [4, 5, 9]  # red of the fifth batch
    assert images[9, 1, 5].tolist() == [4, 37, 9]
    assert (dataset.kind, dataset.channels) == ("objects", 3)
    assert dataset.train.names[3] == "train/3/3"


def test_named_folder_may_hold_the_archive_s_folder_and_gets_no_download(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise AssertionError("a download began")

    monkeypatch.setattr(pooch, "retrieve", fetch)
    assert cifar10.load(tiny.parent).fingerprint == cifar10.load(tiny).fingerprint
    (tiny / "test_batch.bin").unlink()
    fault = r"expected the 6 files of cifar-10-binary\.tar\.gz, found no test_batch.bin"
    with pytest.raises(BadInput, match=fault):
        cifar10.load(tiny)


def test_last_training_images_choose_settings(tiny: Path) -> None:
    train, held_out = validation_split(cifar10.load(tiny), seed=0)
    assert held_out.labels.tolist() == [7, 8, 9]
    assert sorted(train.labels.tolist()) == [0, 1, 2, 3, 4, 5, 6]


def test_superclass_and_class_are_read_from_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar100, "FILES", {"train.bin": 2, "test.bin": 1})
    (tmp_path / "train.bin").write_bytes(record(4, 0) + record(19, 99))
    (tmp_path / "test.bin").write_bytes(record(4, 57))
    fine, coarse = cifar100.load(tmp_path), cifar100.load_coarse(tmp_path)
    assert [fine.classes[i] for i in fine.train.labels] == ["apple", "worm"]
    assert fine.classes[57] == "pear"
    assert [coarse.classes[i] for i in coarse.test.labels] == ["fruit and vegetables"]
    assert (len(fine.classes), len(coarse.classes)) == (100, 20)
    (tmp_path / "test.bin").write_bytes(record(20, 57))
    fault = "test.bin: record 0: expected a coarse label from 0 to 19, found 20"
    with pytest.raises(BadInput, match=fault):
        cifar100.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "expected 3073 bytes, 1 records of 3073, found 0"),
        (record(1)[:-1], "found 3072"),
        (record(1) + b"\0", "found more"),
        (record(10), "record 0: expected a label from 0 to 9, found 10"),
        (record(2), "wrong checksum"),
    ],
)
def test_every_fault_of_a_file_is_named(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    path = tmp_path / "batch.bin"
    path.write_bytes(content)
    md5 = hashlib.md5(record(1)).hexdigest()
    with pytest.raises(BadInput, match=rf"\A{path}: .*{fault}.*\Z"):
        cifar10.read_records(path, 1, {"label": 10}, md5)


def test_missing_archive_is_fetched_checked_and_unpacked(
    tiny: Path, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(tiny, tiny.name)
    asked: list[str] = []

    def fetch(self: object, url: str, output_file: IO[bytes], *_: object) -> None:
        asked.append(url)
        Path(str(output_file)).write_bytes(packed.getvalue())

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fetch)
    with pytest.raises(BadInput, match=r"data_batch_1.bin: missing, and https.*--data"):
        cifar10.load()  # the archive is not the published one
    md5 = hashlib.md5(packed.getvalue()).hexdigest()
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", md5)
    assert cifar10.load().fingerprint == cifar10.load(tiny).fingerprint
    cifar10.load()  # not fetched again
    assert asked == ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"] * 2
