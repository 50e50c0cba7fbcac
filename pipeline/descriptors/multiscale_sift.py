"""Dense SIFT in several patch sizes, from one computation of the gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Descriptors, Images
from visbase.pipeline.descriptors.dense_sift import DenseSift, describe_grid
from visbase.pipeline.descriptors.flat import concatenate
from visbase.pipeline.descriptors.patch_grid import PatchGrid
from visbase.pipeline.images.batches import to_grey


@dataclass(frozen=True)
class MultiscaleDenseSift(PatchGrid):
    """RootSIFT at every point of a regular grid, in several patch sizes.

    The gradients are computed once for all of them. For the settings see `PatchGrid`.
    """

    @property
    def name(self) -> str:
        return f"dense SIFT, bins of {self.widths}"

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
