"""Dense SIFT in several patch sizes, from one computation of the gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Descriptors, Images
from visbase.pipeline.descriptors.dense_sift import DenseSift, check_grid, describe_grid
from visbase.pipeline.descriptors.flat import concatenate
from visbase.pipeline.images.batches import to_grey


@dataclass(frozen=True)
class MultiscaleDenseSift:
    """RootSIFT at every point of a regular grid, in several patch sizes.

    The gradients are computed once for all of bins_px, the widths of a bin. For the
    other settings see `DenseSift`.
    """

    bins_px: tuple[float, ...] = (4.0, 6.0, 8.0, 10.0)
    step_px: int = 6
    margin_px: int = 8

    def __post_init__(self) -> None:
        check_grid(self.bins_px, self.step_px, self.margin_px)

    @property
    def name(self) -> str:
        widths = ", ".join(f"{bin_px:g}" for bin_px in self.bins_px)
        return f"dense SIFT, bins of {widths} px"

    @property
    def length(self) -> int:
        """128."""
        return DenseSift().length

    @property
    def mirror(self) -> NDArray[np.int64]:
        """See `DenseSift.mirror`."""
        return DenseSift().mirror

    def extract(self, images: Images) -> Descriptors:
        """Describe n grey or colour uint8 images; rows are in the order of bins_px."""
        return concatenate(
            [
                describe_grid(
                    to_grey(image[None]), self.bins_px, self.step_px, self.margin_px
                )
                for image in images
            ],
            self.length,
        )
