"""Compute SIFT descriptors on a dense grid of each image.

Definition. At a grid point with upright orientation, the SIFT histogram (Lowe 2004,
section 6) is a sum over pixels of gradient magnitude times three triangular weights
(row bin, column bin, orientation bin) and a Gaussian window of 2 bins. Row and column
weights are separable and the same for every image, so the histograms of *all* grid
points are two matrix products per orientation map:

    S[o] = A_row @ M[o] @ A_column.T

with M[o] the gradient magnitude that falls into orientation bin o. With blur_px =
sqrt(1.6^2 - 0.5^2) this is OpenCV's `SIFT.compute` for a keypoint of angle 0 and size
bin_px / 1.5 at integer coordinates, up to its rounding to 8 bits. VLFeat's fast mode
replaces the Gaussian by one weight per bin; here it is exact. The cost does not depend
on the bin width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Descriptors, Images
from visbase.pipeline.descriptors.flat import concatenate
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import to_grey
from visbase.pipeline.images.compiled import compiled

N_BINS = 4  # spatial bins per side
N_ORIENTATIONS = 8
CLIP = 0.2  # Lowe 2004, section 6.1: no component above 0.2 of the norm
BAND = 12  # grid points per matrix product
WINDOW_BINS = 2.0  # Gaussian window: half the descriptor's width

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class DenseSift:
    """RootSIFT at every point of a regular grid, one patch size.

    bin_px: width of one of the 4 x 4 bins; step_px: distance between grid points;
    margin_px: least distance of a grid point from the border; blur_px: standard
    deviation of the Gaussian smoothing before the gradient.
    """

    bin_px: float = 8.0
    step_px: int = 4
    margin_px: int = 8
    blur_px: float = 0.0

    def __post_init__(self) -> None:
        check_grid((self.bin_px,), self.step_px, self.margin_px)
        if not 0 <= self.blur_px < np.inf:
            raise BadInput(f"expected blur_px >= 0, found {self.blur_px}")

    @property
    def name(self) -> str:
        return f"dense SIFT, bins of {self.bin_px:g} px"

    @property
    def length(self) -> int:
        """128."""
        return N_BINS * N_BINS * N_ORIENTATIONS

    def extract(self, images: Images) -> Descriptors:
        """Describe n grey or colour uint8 images by (N, 128) unit vectors.

        An image too small for one grid point has an empty range.
        """
        if isinstance(images, np.ndarray):
            return self._extract_batch(to_grey(images))
        return concatenate(
            [self._extract_batch(to_grey(image[None])) for image in images],
            self.length,
        )

    @property
    def mirror(self) -> NDArray[np.int64]:
        """The position of each number in the mirrored patch's descriptor, (128,).

        Left and right columns change places, and a gradient at angle t turns to
        180 degrees - t.
        """
        numbers = np.arange(self.length).reshape(N_BINS, N_BINS, N_ORIENTATIONS)
        turned = (N_ORIENTATIONS // 2 - np.arange(N_ORIENTATIONS)) % N_ORIENTATIONS
        return numbers[:, ::-1, turned].ravel()

    def _extract_batch(self, images: NDArray[np.uint8]) -> Descriptors:
        return describe_grid(
            images, (self.bin_px,), self.step_px, self.margin_px, self.blur_px
        )


def check_grid(bins_px: Sequence[float], step_px: int, margin_px: int) -> None:
    """Raise BadInput if the settings do not make a grid of patches."""
    least = 1 / N_BINS  # a patch covers at least a pixel
    widths_fit = len(bins_px) and all(least <= bin_px < np.inf for bin_px in bins_px)
    if not widths_fit or step_px < 1 or margin_px < 0:
        raise BadInput(
            f"expected bin_px >= {least}, step_px >= 1 and margin_px >= 0, found "
            f"{', '.join(map(str, bins_px)) or 'no width'}, {step_px} and {margin_px}"
        )


def describe_grid(
    images: NDArray[np.uint8],
    bins_px: Sequence[float],
    step_px: int,
    margin_px: int,
    blur_px: float = 0.0,
) -> Descriptors:
    """Describe every grid point of grey images (n, h, w), one bin width at a time."""
    n, height, width = images.shape
    rows = grid_centres(height, step_px, margin_px)
    columns = grid_centres(width, step_px, margin_px)
    n_points, n_widths = len(rows) * len(columns), len(bins_px)
    length = N_BINS * N_BINS * N_ORIENTATIONS
    values = np.empty((n, n_widths, n_points, length), np.float32)
    if n and n_points:
        maps = orientation_maps(smooth(images, blur_px))  # (n, 8, h, w)
        for i, bin_px in enumerate(bins_px):
            across = sampling_matrix(width, columns, bin_px)  # (4 gx, w)
            down = sampling_matrix(height, rows, bin_px)  # (4 gy, h)
            _gather_and_normalise(_sums(maps, down, across), values[:, i])
    xy = grid_positions(rows, columns, height, width)
    return Descriptors(
        values=values.reshape(-1, length),
        offsets=np.arange(n + 1, dtype=np.int64) * (n_widths * n_points),
        xy=np.tile(xy, (n * n_widths, 1)),
        scale=np.tile(np.repeat(np.array(bins_px, np.float32), n_points), n),
    )


def _sums(maps: FloatArray, down: FloatArray, across: FloatArray) -> FloatArray:
    """Sum maps (n, 8, h, w) into bins by down (4 gy, h) and across (4 gx, w)."""
    n, n_orientations, height, width = maps.shape
    pixels = maps.reshape(-1, width)
    half = np.empty((len(pixels), len(across)), np.float32)  # (n 8 h, 4 gx)
    for band, used in _bands(across):
        np.matmul(pixels[:, used], across[band, used].T, out=half[:, band])
    per_map = half.reshape(-1, height, len(across))
    sums = np.empty((len(per_map), len(down), len(across)), np.float32)
    for band, used in _bands(down):
        np.matmul(down[band, used], per_map[:, used], out=sums[:, band])
    return sums.reshape(n, n_orientations, len(down), len(across))


def grid_positions(
    rows: NDArray[np.int64], columns: NDArray[np.int64], height: int, width: int
) -> FloatArray:
    """Return the grid points (gy gx, 2) as fractions (x, y) of width and height."""
    yy, xx = np.meshgrid((rows + 0.5) / height, (columns + 0.5) / width, indexing="ij")
    return np.stack([xx.ravel(), yy.ravel()], axis=1).astype(np.float32)


def grid_centres(size: int, step_px: int, margin_px: int) -> NDArray[np.int64]:
    """Return grid coordinates along an axis of `size` pixels, centred on it."""
    room = size - 1 - 2 * margin_px
    if room < 0:
        return np.empty(0, np.int64)
    count = room // step_px + 1
    first = (size - (count - 1) * step_px) // 2
    return first + step_px * np.arange(count)


def smooth(images: NDArray[np.uint8], blur_px: float) -> FloatArray:
    """Smooth each image by a Gaussian, (n, h, w) uint8 -> float32."""
    result = images.astype(np.float32, order="C")  # as OpenCV needs it
    if blur_px > 0:
        for image in result:
            cv2.GaussianBlur(image, (0, 0), blur_px, dst=image)
    return result


def orientation_maps(images: FloatArray) -> FloatArray:
    """Split the gradient magnitude between the two nearest of 8 orientations.

    images (n, h, w) -> (n, 8, h, w). Uses central differences; as in OpenCV, border
    pixels have no gradient, since their differences would reach outside the image.
    """
    n, height, width = images.shape
    maps = np.zeros((n, N_ORIENTATIONS, height, width), np.float32)
    if height < 3 or width < 3:
        return maps
    dx = images[:, 1:-1, 2:] - images[:, 1:-1, :-2]
    dy = images[:, :-2, 1:-1] - images[:, 2:, 1:-1]
    shape = dx.shape
    magnitude, angle = cv2.cartToPolar(
        dx.reshape(-1, shape[2]), dy.reshape(-1, shape[2]), angleInDegrees=True
    )
    _share_orientations(magnitude.reshape(shape), angle.reshape(shape), maps)
    return maps


def sampling_matrix(size: int, centres: NDArray[np.int64], bin_px: float) -> FloatArray:
    """Weigh each pixel for each of the 4 bins around each centre.

    Returns (4 * len(centres), size): a triangle of half-width bin_px around the bin's
    middle (linear interpolation between bins) times the Gaussian window around the
    centre.
    """
    pixel = np.arange(size)
    from_centre = (pixel[None, :] - centres[:, None]) / bin_px  # in bins
    middles = np.arange(N_BINS) - (N_BINS - 1) / 2
    triangle = 1 - np.abs(from_centre[:, None, :] - middles[None, :, None])
    window = np.exp(-(from_centre**2) / (2 * WINDOW_BINS**2))
    weights = np.maximum(triangle, 0) * window[:, None, :]
    return weights.reshape(-1, size).astype(np.float32)


def _bands(weights: FloatArray) -> Iterator[tuple[slice, slice]]:
    """Yield rows of a sampling matrix, BAND centres at a time, and the pixels they use.

    Each band uses a small part of a photograph, so the products take a third of the
    time.
    """
    for first in range(0, len(weights), N_BINS * BAND):
        band = slice(first, first + N_BINS * BAND)
        used = np.flatnonzero(weights[band].any(axis=0))
        yield band, slice(used[0], used[-1] + 1)


@compiled()
def _share_orientations(magnitude, angle, maps):  # type: ignore[no-untyped-def]
    n, height, width = magnitude.shape
    for i in range(n):
        for y in range(height):
            for x in range(width):
                strength = magnitude[i, y, x]
                if strength > 0:
                    position = angle[i, y, x] * np.float32(N_ORIENTATIONS / 360)
                    low = int(position)
                    upper = position - low
                    low %= N_ORIENTATIONS  # cartToPolar may return 360
                    high = (low + 1) % N_ORIENTATIONS
                    maps[i, low, y + 1, x + 1] = strength * (1 - upper)
                    maps[i, high, y + 1, x + 1] = strength * upper


@compiled(fastmath={"reassoc", "contract"})
def _gather_and_normalise(sums, values):  # type: ignore[no-untyped-def]
    """Gather the 128 sums of each grid point, clip them and convert them to RootSIFT.

    RootSIFT is the root of the L1-normalised descriptor: dot products become Hellinger
    kernels (Arandjelovic & Zisserman 2012). A patch without gradient stays zero.
    """
    n, n_orientations, n_rows, n_columns = sums.shape
    for i in range(n):
        row = 0
        for top in range(0, n_rows, N_BINS):
            for left in range(0, n_columns, N_BINS):
                value = values[i, row]
                row += 1
                k = 0
                for y in range(top, top + N_BINS):
                    for x in range(left, left + N_BINS):
                        for o in range(n_orientations):
                            value[k] = sums[i, o, y, x]
                            k += 1
                squares = np.float32(0)
                for k in range(value.size):
                    squares += value[k] * value[k]
                limit = np.float32(CLIP) * np.sqrt(squares)
                total = np.float32(0)
                for k in range(value.size):
                    value[k] = min(value[k], limit)
                    total += value[k]
                inverse = np.float32(1) / total if total > 0 else np.float32(0)
                for k in range(value.size):
                    value[k] = np.sqrt(value[k] * inverse)
