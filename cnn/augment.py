"""Random affine distortion of a batch, one `grid_sample` for all images together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Affine:
    """Largest strength of each distortion, drawn uniformly below it for every image.

    rotation and shear in radians; scale a fraction, each axis on its own; shift in
    pixels. No flipping: a mirrored digit is another shape.
    """

    rotation: float = 0.2
    scale: float = 0.1
    shear: float = 0.15
    shift_px: float = 1.2

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Distorted copies of images (n, c, h, w); outside pixels repeat the border."""
        n, _, height, width = images.shape
        maps = self.matrices(n, width, height, generator).to(images.device)
        grid = F.affine_grid(maps, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def matrices(
        self, n: int, width: int, height: int, generator: torch.Generator
    ) -> Tensor:
        """n maps (n, 2, 3) from output to input, in grid_sample's units of [-1, 1]."""
        draw = torch.rand(n, 6, generator=generator) * 2 - 1
        angle, shear = draw[:, 0] * self.rotation, draw[:, 1] * self.shear
        size = 1 + draw[:, 2:4] * self.scale
        cos, sin = angle.cos(), angle.sin()
        aspect = height / width  # the units differ along x and y
        maps = torch.zeros(n, 2, 3)
        maps[:, 0, 0] = cos * size[:, 0]
        maps[:, 0, 1] = (cos * shear - sin) * size[:, 1] * aspect
        maps[:, 1, 0] = sin * size[:, 0] / aspect
        maps[:, 1, 1] = (sin * shear + cos) * size[:, 1]
        maps[:, 0, 2] = draw[:, 4] * self.shift_px * 2 / width
        maps[:, 1, 2] = draw[:, 5] * self.shift_px * 2 / height
        return maps
