"""Read IDX files, and datasets of four of them such as MNIST.

Layout (LeCun, Cortes & Burges, "The MNIST database"): two zero bytes, a type byte
(8 = unsigned byte), the number of axes, each axis as a big-endian 32-bit integer, then
the values in C order.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Kind
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.reading import open_regular

UNSIGNED_BYTE = 8
ENVIRONMENT = "VISBASE_DATA"


@dataclass(frozen=True)
class IdxFile:
    """The expected content of a published file."""

    name: str
    shape: tuple[int, ...]
    sha256: str  # of the uncompressed content
    largest: int = 255  # greatest allowed value: 9 for labels of ten classes


def read_idx(path: Path, expected: IdxFile) -> NDArray[np.uint8]:
    """Read the array of `expected.shape` in a gzipped IDX file; it is read-only.

    Raises BadInput if the file is missing, not a gzip file, truncated or too long, has
    a wrong magic number, shape or checksum, or a value out of range. Never unpacks more
    than the expected size.
    """
    header = 4 + 4 * len(expected.shape)
    size = header + math.prod(expected.shape)
    content = _unpack(path, size + 1)
    magic = struct.pack(">BBBB", 0, 0, UNSIGNED_BYTE, len(expected.shape))
    if content[:4] != magic:
        raise BadInput(
            f"{path}: wrong magic number, expected {magic.hex()} "
            f"(IDX, unsigned bytes), found {content[:4].hex() or 'nothing'}; "
            f"fetch {expected.name} again"
        )
    shape = struct.unpack_from(f">{len(expected.shape)}I", content.ljust(header), 4)
    if len(content) >= header and shape != expected.shape:
        raise BadInput(
            f"{path}: expected an array of shape {expected.shape}, found {shape}; "
            f"is this {expected.name} from another dataset?"
        )
    if len(content) != size:
        fault = "truncated" if len(content) < size else "too long"
        raise BadInput(
            f"{path}: {fault}, expected {size} bytes of content, found "
            f"{'more' if fault == 'too long' else len(content)}; fetch it again"
        )
    values = np.frombuffer(content, np.uint8, offset=header)
    outside = np.flatnonzero(values > expected.largest)
    if len(outside):
        raise BadInput(
            f"{path}: expected values from 0 to {expected.largest}, found "
            f"{values[outside[0]]} at position {outside[0]}; fetch it again"
        )
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected.sha256:
        raise BadInput(
            f"{path}: wrong checksum, expected SHA-256 {expected.sha256[:16]}..., "
            f"found {digest[:16]}...; fetch {expected.name} again"
        )
    return values.reshape(expected.shape)


def _unpack(path: Path, limit: int) -> bytes:
    try:
        with open_regular(path) as packed, gzip.open(packed) as file:
            return file.read(limit)
    except FileNotFoundError:
        raise BadInput(f"{path}: missing") from None
    except EOFError:
        raise BadInput(
            f"{path}: truncated, the gzip stream ends too early; fetch it again"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(
            f"{path}: not a valid gzip file ({error}); fetch it again"
        ) from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def load_idx_dataset(
    name: str,
    files: Sequence[IdxFile],
    classes: tuple[str, ...],
    mirrors: Sequence[str],
    home: Path,
    folder: Path | None,
    kind: Kind,
) -> Dataset:
    """Read and check the four files; download those that are missing.

    files: training images, training labels, test images, test labels; mirrors: URLs
    that end in a slash; home: where the files are, unless `folder` or the environment
    variable VISBASE_DATA names another folder, or one with a subfolder `name`; kind:
    see `Dataset`. Raises BadInput if a file is wrong or no mirror has it.
    """
    home = find_folder(name, home, folder, files[0].name)
    arrays = []
    for file in files:
        path = home / file.name
        if not path.exists():
            _download(file, mirrors, path)
        arrays.append(read_idx(path, file))
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(
        name,
        numbered_split("train", train_images, train_labels),
        numbered_split("test", test_images, test_labels),
        classes,
        kind,
        channels=1,
    )


def find_folder(name: str, home: Path, folder: Path | None, first: str) -> Path:
    """Return the folder of a dataset's files; BadInput if the named one is missing.

    It is `home`, unless `folder` or VISBASE_DATA names another one, or one with a
    subfolder `name`; first: a file that it should have, for the message.
    """
    elsewhere = folder or os.environ.get(ENVIRONMENT) or None
    if elsewhere is None:
        return home
    home = Path(elsewhere)
    if not home.is_dir():
        raise BadInput(f"{home}: expected a folder with {first}")
    return home / name if (home / name).is_dir() else home


def numbered_split(
    part: str, images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> Split:
    """Name each of n images by its part, label (n,) and number: train/7/12."""
    names = [f"{part}/{label}/{i}" for i, label in enumerate(labels)]
    return Split(images, labels.astype(np.int64), names)


def _download(file: IdxFile, mirrors: Sequence[str], path: Path) -> None:
    """Fetch a file to `path`, where it appears only after its content was checked."""
    import pooch

    reasons = []
    fetch = pooch.HTTPDownloader()
    for mirror in mirrors:
        try:
            # not pooch.retrieve: it leaves a partial file behind when it is killed, and
            # compares the packed file, which differs between mirrors
            with atomic_write(path) as partial:
                fetch(mirror + file.name, partial, None)
                partial.flush()
                read_idx(Path(partial.name), file)
            return
        except (OSError, BadInput, ValueError) as error:
            # the message names the folder once, below
            reason = " ".join(str(error).replace(f"{path.parent}/", "").split())
            reasons.append(f"{mirror}: {reason[:120]}")
    raise BadInput(
        f"{path}: missing, and no mirror had it ({'; '.join(reasons)}); put "
        f"{file.name} there yourself, or name its folder with --data or {ENVIRONMENT}"
    )
