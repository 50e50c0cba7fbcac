"""The grid of descriptors that have several patch sizes."""

from __future__ import annotations

from dataclasses import dataclass

from visbase.pipeline.descriptors.dense_sift import check_grid


@dataclass(frozen=True)
class PatchGrid:
    """Patches of 4 x 4 bins around every point of a regular grid.

    bins_px: widths of a bin, one per patch size; step_px: distance between grid points;
    margin_px: least distance of a grid point from the border.
    """

    bins_px: tuple[float, ...] = (4.0, 6.0, 8.0, 10.0)
    step_px: int = 6
    margin_px: int = 8

    def __post_init__(self) -> None:
        check_grid(self.bins_px, self.step_px, self.margin_px)

    @property
    def widths(self) -> str:
        """The widths of a bin in words."""
        return f"{', '.join(f'{bin_px:g}' for bin_px in self.bins_px)} px"
