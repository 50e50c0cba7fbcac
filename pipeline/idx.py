"""IDX files, the format of MNIST and its relatives: gzip bytes in, arrays out.

Layout (LeCun, Cortes & Burges, "The MNIST database"): two zero bytes, a type byte
(8 = unsigned byte), the number of axes, each axis as a big-endian 32-bit integer, then
the values in C order.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.regular_file import open_regular

UNSIGNED_BYTE = 8


@dataclass(frozen=True)
class IdxFile:
    """What a published file must contain."""

    name: str
    shape: tuple[int, ...]
    sha256: str  # of the uncompressed content
    largest: int = 255  # the greatest value that may occur: 9 for ten classes


def read_idx(path: Path, expected: IdxFile) -> NDArray[np.uint8]:
    """The array in a gzipped IDX file, read-only, of `expected.shape`.

    Raises BadInput that says whether the file is missing, no gzip file, truncated, of
    the wrong magic number or shape, holds a value (a label) out of range, or has the
    wrong checksum. Never unpacks more than the expected size.
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
            f"is this {expected.name} of another data set?"
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
            f"{path}: not a sound gzip file ({error}); fetch it again"
        ) from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
