"""Local colour statistics: what colours a patch has, and how much they vary where.

The patch of a SIFT descriptor has 4 x 4 cells. Each cell is described by the mean and
the standard deviation of each colour channel (Clinchant, Csurka, Perronnin & Renders
2007; Perronnin, Sanchez & Mensink 2010, section 4.1, with RGB). The channels here are
those of CIE Lab, where distances resemble perceived differences. Integral images give
each cell's sums by four readings, whatever its size (Viola & Jones 2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Descriptors, Images
from visbase.pipeline.descriptors.dense_sift import (
    N_BINS,
    grid_centres,
    grid_positions,
)
from visbase.pipeline.descriptors.flat import concatenate
from visbase.pipeline.descriptors.patch_grid import PatchGrid
from visbase.pipeline.images.batches import is_grey
from visbase.pipeline.images.compiled import compiled

N_CHANNELS = 3
N_STATISTICS = 2


@dataclass(frozen=True)
class LocalColour(PatchGrid):
    """Mean and deviation of L, a and b in the 4 x 4 bins around each point of a grid.

    For the settings see `PatchGrid`.
    """

    @property
    def name(self) -> str:
        return f"local colour, cells of {self.widths}"

    @property
    def length(self) -> int:
        """Always 96."""
        return N_BINS * N_BINS * N_CHANNELS * N_STATISTICS

    @property
    def mirror(self) -> NDArray[np.int64]:
        """The position of each number in the mirrored patch's descriptor, (96,)."""
        numbers = np.arange(self.length).reshape(N_BINS, N_BINS, -1)
        return numbers[:, ::-1].ravel()

    def extract(self, images: Images) -> Descriptors:
        """Describe n uint8 images by (N, 96) values, roughly between 0 and 1.

        An image without colour, (h, w) or with three equal channels, has an empty
        range: a grey photograph says nothing about colours.
        """
        return concatenate([self._extract(image) for image in images], self.length)

    def _extract(self, image: NDArray[np.uint8]) -> Descriptors:
        height, width = image.shape[:2]
        rows = grid_centres(height, self.step_px, self.margin_px)
        columns = grid_centres(width, self.step_px, self.margin_px)
        if is_grey(image):
            rows = rows[:0]
        n_points = len(rows) * len(columns)
        values = np.empty((len(self.bins_px), n_points, self.length), np.float32)
        if n_points:
            lab = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2LAB)
            # not 32 bits, which the sums of 17 megapixels exceed
            sums, squares = cv2.integral2(lab, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
            for of_width, bin_px in zip(values, self.bins_px, strict=True):
                edges = (np.arange(N_BINS + 1) - N_BINS / 2) * bin_px
                top = _edges(rows, edges, height)
                left = _edges(columns, edges, width)
                _describe(sums, squares, top, left, of_width)
        xy = grid_positions(rows, columns, height, width)
        return Descriptors(
            values=values.reshape(-1, self.length),
            offsets=np.array([0, len(self.bins_px) * n_points], np.int64),
            xy=np.tile(xy, (len(self.bins_px), 1)),
            scale=np.repeat(np.array(self.bins_px, np.float32), n_points),
        )


def _edges(
    centres: NDArray[np.int64], edges: NDArray[np.floating[Any]], size: int
) -> NDArray[np.int64]:
    """Return the borders of the cells around each centre, inside the image: (n, 5).

    A cell that the image cuts off is described by what is left of it, at least one row
    of pixels.
    """
    around = np.floor(centres[:, None] + edges + 0.5).astype(np.int64)
    return np.clip(around, 0, size)


@compiled(fastmath={"reassoc", "contract"})
def _describe(sums, squares, top, left, values):  # type: ignore[no-untyped-def]
    """sums, squares (h + 1, w + 1, 3), top (gy, 5), left (gx, 5) -> values (N, 96)."""
    size_y, size_x = sums.shape[0] - 1, sums.shape[1] - 1
    row = 0
    for gy in range(len(top)):
        for gx in range(len(left)):
            value = values[row]
            row += 1
            k = 0
            for y in range(top.shape[1] - 1):
                y0 = min(top[gy, y], size_y - 1)
                y1 = max(top[gy, y + 1], y0 + 1)
                for x in range(left.shape[1] - 1):
                    x0 = min(left[gx, x], size_x - 1)
                    x1 = max(left[gx, x + 1], x0 + 1)
                    share = 1.0 / ((y1 - y0) * (x1 - x0) * 255.0)
                    for c in range(3):
                        total = (
                            sums[y1, x1, c]
                            - sums[y0, x1, c]
                            - sums[y1, x0, c]
                            + sums[y0, x0, c]
                        )
                        square = (
                            squares[y1, x1, c]
                            - squares[y0, x1, c]
                            - squares[y1, x0, c]
                            + squares[y0, x0, c]
                        )
                        mean = total * share
                        variance = square * share / 255.0 - mean * mean
                        value[k] = mean
                        value[k + 1] = np.sqrt(max(variance, 0.0))
                        k += 2
