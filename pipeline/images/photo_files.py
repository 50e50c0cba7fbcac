"""Decode an image file, and treat many as a sequence that decodes on demand.

A photograph of 12 megapixels is a file of 4 MB but 36 MB of pixels, so a folder of
them is never held in memory as a whole.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.batches import shrink, shrunk_size
from visbase.pipeline.images.fingerprint import digest_array

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 100_000_000  # decoded in colour 300 MB
BLOCK = 1 << 20  # bytes
MAX_BYTES = 400 * BLOCK  # per file; about the largest image, uncompressed


class PhotoFiles(Sequence[NDArray[np.uint8]]):
    """n image files; photos[i] decodes one: (h, w) grey or (h, w, 3) RGB, uint8.

    paths: the files; sizes (n, 2) int64: h and w of each; digests: SHA-256 of the
    decoded pixels of each, from `digest_array`, so that caches and comparisons need not
    decode; longest_px: size that larger images are shrunk to after decoding, 0 for no
    limit. Decoding raises BadInput if the pixels no longer match the digest. A slice,
    `take` and `within` return another PhotoFiles and decode nothing.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        sizes: NDArray[np.int64],
        digests: Sequence[str],
        longest_px: int = 0,
    ) -> None:
        self.paths = list(paths)
        self.sizes = sizes
        self.digests = list(digests)
        self.longest_px = longest_px

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, at: int) -> NDArray[np.uint8]: ...

    @overload
    def __getitem__(self, at: slice) -> PhotoFiles: ...

    def __getitem__(self, at: int | slice) -> NDArray[np.uint8] | PhotoFiles:
        if isinstance(at, slice):
            rows = range(len(self))[at]
            return self.take(np.array(rows, np.int64))
        path, checked = self.paths[at], self.digests[at].partition(" ")[0]
        image = read_image(path)
        if digest_array(image) != checked:  # which keys the caches
            raise BadInput(
                f"{printable(path)}: changed since it was checked; run again and do "
                "not change the folder meanwhile"
            )
        return shrink(image, self.longest_px) if self.longest_px else image

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> PhotoFiles:
        """Return the files at the given positions, in that order."""
        positions = np.asarray(rows, np.int64)
        return PhotoFiles(
            [self.paths[row] for row in positions],
            self.sizes[positions],
            [self.digests[row] for row in positions],
            self.longest_px,
        )

    def within(self, longest_px: int) -> PhotoFiles:
        """Return the same files; images longer than longest_px are shrunk to it."""
        if self.longest_px:
            longest_px = min(longest_px, self.longest_px)
        large = self.sizes.max(axis=1, initial=0) > longest_px
        digests = [
            f"{digest} within {longest_px}" if is_large else digest
            for digest, is_large in zip(self.digests, large, strict=True)
        ]
        shrunk = np.array(
            [shrunk_size(height, width, longest_px) for height, width in self.sizes],
            np.int64,
        )
        return PhotoFiles(self.paths, shrunk.reshape(-1, 2), digests, longest_px)


def read_image(source: Path | IO[bytes]) -> NDArray[np.uint8]:
    """Decode an image file to (h, w) uint8 if it is grey, else to (h, w, 3) RGB.

    source: a path, or a file open for reading. Follows the EXIF orientation, makes
    transparent pixels white, keeps the upper 8 of 16 bits and reads the first page or
    frame. Raises BadInput if the file is not such an image, is damaged or too large.
    """
    try:
        return decode(source)
    except BadInput as reason:
        name = (
            source
            if isinstance(source, Path)
            else getattr(source, "name", "standard input")
        )
        raise BadInput(f"{printable(name)}: cannot be read: {reason}") from None


def decode(source: Path | IO[bytes]) -> NDArray[np.uint8]:
    """Decode like `read_image`, but raise BadInput with the reason alone."""
    try:
        if not isinstance(source, Path):
            return _decode(source)
        if not source.is_file():  # opening a pipe would wait forever
            raise BadInput(_what_is_there(source))
        with open(source, "rb") as file:
            return _decode(file)
    except BadInput:
        raise
    except UnidentifiedImageError:
        raise BadInput("not a JPEG, PNG, WebP, BMP or TIFF image") from None
    except Image.DecompressionBombError:  # Pillow's own limit
        raise BadInput(f"more than {MAX_PIXELS:,} pixels; make it smaller") from None
    # Pillow's decoders raise almost anything on damaged data: SyntaxError, EOFError,
    # struct.error, ... and all of them mean the same to the user
    except Exception as error:
        if isinstance(error, MemoryError):  # nothing is wrong with the file
            raise
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BadInput(printable(" ".join(str(reason).split())[:120])) from None


def _what_is_there(path: Path) -> str:
    if path.is_dir():
        return "a folder, expected an image file"
    if path.is_symlink():
        return "a broken link"
    return "not a regular file" if path.exists() else "no such file"


def _decode(file: IO[bytes]) -> NDArray[np.uint8]:
    # from a file, Pillow would reserve as much memory as a header claims
    whole = io.BytesIO(read_bytes(file))
    with Image.open(whole, formats=FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise BadInput(
                f"{width:,} x {height:,} pixels, expected at most {MAX_PIXELS:,} in "
                "all; make it smaller"
            )
        # in place, since a copy of a large image costs memory
        ImageOps.exif_transpose(image, in_place=True)
        return _to_pixels(image)


def read_bytes(file: IO[bytes]) -> bytes:
    """Read a whole file; raise BadInput if it is too large for an image."""
    blocks = []
    for _ in range(MAX_BYTES // BLOCK):
        blocks.append(file.read(BLOCK))
        if len(blocks[-1]) < BLOCK:
            return b"".join(blocks)
    raise BadInput(f"more than {MAX_BYTES // 10**6:,} MB, too large for an image")


def _to_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Convert an image of any of Pillow's modes to (h, w) or (h, w, 3) uint8."""
    if image.mode.startswith("I;16"):
        # like Pillow's own conversion of 16-bit colour
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.mode in ("I", "F"):
        raise BadInput("32 bits per pixel, expected 8 or 16; save it with 8")
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        alpha = image.convert("LA" if grey else "RGBA")
        image = Image.new("L" if grey else "RGB", image.size, "white")
        image.paste(alpha.convert(image.mode), mask=alpha.getchannel("A"))
    mode = "L" if grey else "RGB"
    return np.array(image if image.mode == mode else image.convert(mode))
