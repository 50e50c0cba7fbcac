"""Decode an image file, and treat many as a sequence that decodes on demand.

A photograph of 12 megapixels is a file of 4 MB but 36 MB of pixels, so a folder of
them is never held in memory as a whole.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.batches import shrink_to, shrunk_size
from visbase.pipeline.images.eight_bits import to_eight_bits
from visbase.pipeline.images.fingerprint import digest_array

FORMATS = {  # Pillow's names and ours
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "GIF": "GIF",
    "AVIF": "AVIF",
    "JPEG2000": "JPEG 2000",
    "PPM": "PPM",
}
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
# A JPEG file with a longer side is a photograph as cameras make them: to decode it at
# an eighth of its size takes a fifth of the time and of the memory
LARGE_PX = 1000
QUARTER_TURNS = (5, 6, 7, 8)  # orientations of EXIF
MAX_PIXELS = 100_000_000  # decoded in colour 300 MB
BLOCK = 1 << 20  # bytes
MAX_BYTES = 400 * BLOCK  # per file; about the largest image, uncompressed
UNREAD = "unread"  # first word of the digest of a file that was never decoded


class Decoded(NamedTuple):
    """What is in an image file.

    pixels (h, w) grey or (h, w, 3) RGB, uint8; size: h and w before it was shrunk;
    digest: SHA-256 of the pixels before, from `digest_array`, or of the file if it is a
    large JPEG, which is seldom decoded in full.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    digest: str


class PhotoFiles(Sequence[NDArray[np.uint8]]):
    """n image files; photos[i] decodes one: (h, w) grey or (h, w, 3) RGB, uint8.

    paths: the files; sizes (n, 2) int64: h and w of each, None to read them from the
    files when they are needed; digests: of each, see `Decoded`, so that caches and
    comparisons need not decode, or UNREAD and what else tells the files apart;
    longest_px: size that larger images are shrunk to, 0 for no limit. Decoding raises
    BadInput if the file no longer matches the digest. A slice, `take` and `within`
    return another PhotoFiles and decode nothing.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        sizes: NDArray[np.int64] | None,
        digests: Sequence[str],
        longest_px: int = 0,
    ) -> None:
        self.paths = list(paths)
        self._sizes = sizes
        self.digests = list(digests)
        self.longest_px = longest_px

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Height and width of each image (n, 2)."""
        if self._sizes is None:
            with ThreadPoolExecutor() as pool:
                read = [*pool.map(_read_size, self.paths)]
            self._sizes = np.array(read, np.int64).reshape(-1, 2)
        return self._sizes

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
        return self._decode(at, self.longest_px)

    def coarse(self, at: int, least_px: int) -> NDArray[np.uint8]:
        """Decode an image; a large JPEG only so far that its sides have least_px."""
        height, width = self.sizes[at].tolist()
        enough = -(-max(height, width) * least_px // min(height, width))
        return self._decode(at, self.longest_px or enough, shrunk=bool(self.longest_px))

    def _decode(
        self, at: int, longest_px: int, shrunk: bool = True
    ) -> NDArray[np.uint8]:
        path, checked = self.paths[at], self.digests[at].partition(" ")[0]
        photo = _decode_named(path, longest_px, shrunk)
        if photo.digest != checked != UNREAD:  # which keys the caches
            raise BadInput(
                f"{printable(path)}: changed since it was checked; run again and do "
                "not change the folder meanwhile"
            )
        return photo.pixels

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> PhotoFiles:
        """Return the files at the given positions, in that order."""
        positions = np.asarray(rows, np.int64)
        return PhotoFiles(
            [self.paths[row] for row in positions],
            None if self._sizes is None else self._sizes[positions],
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


def read_image(source: Path | IO[bytes], longest_px: int = 0) -> NDArray[np.uint8]:
    """Decode an image file to (h, w) uint8 if it is grey, else to (h, w, 3) RGB.

    source: a path, or a file open for reading; longest_px: size that a larger image is
    shrunk to, 0 for no limit. Follows the EXIF orientation, makes transparent pixels
    white, keeps 8 of 16 bits and reads the first page or frame. Raises BadInput if the
    file is not such an image, is damaged or too large.
    """
    return _decode_named(source, longest_px).pixels


def _read_size(path: Path) -> tuple[int, int]:
    """Read height and width from the beginning of a file; BadInput if it has none."""
    try:
        with Image.open(path, formats=[*FORMATS]) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation) in QUARTER_TURNS
            width, height = image.size[::-1] if turned else image.size
    except (OSError, Image.DecompressionBombError):
        height, width = read_image(path).shape[:2]  # or it says what is wrong
    return height, width


def _decode_named(
    source: Path | IO[bytes], longest_px: int, shrunk: bool = True
) -> Decoded:
    try:
        return decode(source, longest_px, shrunk)
    except BadInput as reason:
        name = (
            source
            if isinstance(source, Path)
            else getattr(source, "name", "standard input")
        )
        raise BadInput(f"{printable(name)}: cannot be read: {reason}") from None


def decode(
    source: Path | IO[bytes], longest_px: int = 0, shrunk: bool = True
) -> Decoded:
    """Decode like `read_image`, but raise BadInput with the reason alone.

    shrunk: whether to shrink to longest_px what was decoded at the next larger scale.
    """
    try:
        if not isinstance(source, Path):
            return _decode(read_bytes(source), longest_px, shrunk)
        if not source.is_file():  # opening a pipe would wait forever
            raise BadInput(_what_is_there(source))
        with open(source, "rb") as file:
            content = read_bytes(file)
        return _decode(content, longest_px, shrunk)
    except BadInput:
        raise
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


def _decode(content: bytes, longest_px: int, shrunk: bool) -> Decoded:
    with _open(content) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise BadInput(
                f"{width:,} x {height:,} pixels, expected at most {MAX_PIXELS:,} in "
                "all; make it smaller"
            )
        is_large_jpeg = image.format in ("JPEG", "MPO") and max(image.size) > LARGE_PX
        if is_large_jpeg:
            if image.getexif().get(ExifTags.Base.Orientation) in QUARTER_TURNS:
                width, height = height, width
            if longest_px:  # decodes at 1/2, 1/4 or 1/8 if that is large enough
                image.draft(image.mode, shrunk_size(*image.size, longest_px))
        pixels = to_eight_bits(image, content)
    if is_large_jpeg:
        digest = hashlib.sha256(content).hexdigest()
    else:
        digest, (height, width) = digest_array(pixels), pixels.shape[:2]
    if longest_px and shrunk:
        pixels = shrink_to(pixels, *shrunk_size(height, width, longest_px))
    return Decoded(pixels, (height, width), digest)


def _open(content: bytes) -> ImageFile.ImageFile:
    """Open an image of one of the FORMATS without decoding it."""
    try:
        # from a file, Pillow would reserve as much memory as a header claims
        return Image.open(io.BytesIO(content), formats=[*FORMATS])
    except UnidentifiedImageError:
        if content[4:8] != b"ftyp" or content[8:12] not in HEIC_BRANDS:
            *names, last = FORMATS.values()
            raise BadInput(f"not a {', '.join(names)} or {last} image") from None
    try:
        from pillow_heif import HeifImageFile  # optional
    except ImportError:
        raise BadInput(
            "a HEIC image, which needs another package: pip install pillow-heif"
        ) from None
    # not registered as an opener, since Pillow is the user's as well
    opener: Callable[[IO[bytes]], ImageFile.ImageFile] = HeifImageFile
    return opener(io.BytesIO(content))


def read_bytes(file: IO[bytes]) -> bytes:
    """Read a whole file; raise BadInput if it is too large for an image."""
    blocks = []
    for _ in range(MAX_BYTES // BLOCK):
        blocks.append(file.read(BLOCK))
        if len(blocks[-1]) < BLOCK:
            return b"".join(blocks)
    raise BadInput(f"more than {MAX_BYTES // 10**6:,} MB, too large for an image")
