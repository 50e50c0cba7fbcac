"""Random crops for training: of photographs in random light, of small objects.

Crops after Szegedy et al. 2015 (section 6), changes of light after Howard 2013, "Some
improvements on deep convolutional neural network based image classification"; or both
as AlexNet had them (Krizhevsky et al. 2012, section 4.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from visbase.pipeline.errors import BadInput

LEAST_PX = 16  # side of a crop; networks halve it up to five times
# Principal components of the colours of ImageNet's pixels, a column each, and how far
# they spread, as fb.resnet.torch has them
COMPONENTS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)
SPREAD = (0.2175, 0.0188, 0.0045)  # along each of them, for channels from 0 to 1


@dataclass(frozen=True)
class Crops:
    """Draws for each image of a batch a crop, whether it is mirrored, and its light.

    crop_px: height and width of the result; smallest_crop: smallest area of a crop, as
    a fraction of the image; its width divided by its height, relative to the image's,
    lies between 1 / widest_crop and widest_crop. light: largest relative change of
    contrast and of saturation, and of brightness in units of `deviation`, that of the
    standardised training images.
    """

    crop_px: int
    smallest_crop: float
    light: float
    widest_crop: float = 4 / 3
    deviation: float = 1.0

    def __post_init__(self) -> None:
        if self.crop_px < LEAST_PX:
            raise BadInput(f"crop_px={self.crop_px}: expected at least {LEAST_PX}")
        if not 0 < self.smallest_crop <= 1:
            raise BadInput(
                f"smallest_crop={self.smallest_crop}: expected a value above 0 and at "
                "most 1"
            )
        if not 0 <= self.light < 1:  # from 1 on, contrasts vanish or turn round
            raise BadInput(f"light={self.light}: expected at least 0 and below 1")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Crops (n, c, crop_px, crop_px) of standardised images (n, c, h, w).

        The generator lives on the CPU, so that every device gets the same crops.
        """
        n, channels = images.shape[:2]
        size = [n, channels, self.crop_px, self.crop_px]
        maps = self.matrices(n, generator).to(images.device)
        grid = F.affine_grid(maps, size, align_corners=False)
        # the border is repeated: the outermost pixels have their centres inside
        crops = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return self.in_random_light(crops, generator)

    def matrices(self, n: int, generator: torch.Generator) -> Tensor:
        """Affine maps (n, 2, 3) from crop to image, in units of grid_sample."""
        draw = torch.rand(n, 5, generator=generator)
        side = (self.smallest_crop + (1 - self.smallest_crop) * draw[:, 0]).sqrt()
        shape = ((2 * draw[:, 1] - 1) * math.log(self.widest_crop) / 2).exp()
        width, height = (side * shape).clamp(max=1), (side / shape).clamp(max=1)
        maps = torch.zeros(n, 2, 3)
        maps[:, 0, 0] = width * torch.where(draw[:, 2] < 0.5, -1, 1)  # mirrored or not
        maps[:, 1, 1] = height
        maps[:, 0, 2] = (1 - width) * (2 * draw[:, 3] - 1)
        maps[:, 1, 2] = (1 - height) * (2 * draw[:, 4] - 1)
        return maps

    def in_random_light(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The images (n, c, h, w) with other contrast, saturation and brightness."""
        draw = torch.rand(3, len(images), 1, 1, 1, generator=generator) * 2 - 1
        change = draw.to(images.device) * self.light
        contrast, saturation, brightness = change[0] + 1, change[1] + 1, change[2]
        if images.shape[1] == 3:
            grey = images.mean(1, keepdim=True)
            images = grey + (images - grey) * saturation
        mean = images.mean((1, 2, 3), keepdim=True)
        return mean + (images - mean) * contrast + brightness * self.deviation


@dataclass(frozen=True)
class PaddedCrops:
    """Moves each image by whole pixels and mirrors half of them (He et al. 2016).

    padding_px: largest move along each axis; the mean colour of the training images
    moves in. For small objects: their crops keep their scale.
    """

    padding_px: int

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Crops (n, c, h, w) of standardised images (n, c, h, w).

        The generator lives on the CPU, so that every device gets the same crops.
        """
        device, (n, channels, height, width) = images.device, images.shape
        moves = torch.randint(2 * self.padding_px + 1, (2, n, 1), generator=generator)
        mirrored = (torch.rand(n, 1, generator=generator) < 0.5).to(device)
        down, right = moves.to(device)
        rows = down + torch.arange(height, device=device)
        columns = right + torch.arange(width, device=device)
        columns = torch.where(mirrored, columns.flip(1), columns)
        padded = F.pad(images, 4 * (self.padding_px,))
        return padded[
            torch.arange(n, device=device)[:, None, None, None],
            torch.arange(channels, device=device)[None, :, None, None],
            rows[:, None, :, None],
            columns[:, None, None, :],
        ]


@dataclass(frozen=True)
class LitCrops:
    """Draws for each photograph a crop, whether it is mirrored, and its lighting.

    crop_px: height and width of the result; deviation: of R, G and B in levels of 255,
    by which the photographs were standardised. Along each principal component, all
    pixels of a photograph move by its spread times a normal number of deviation 0.1.
    """

    crop_px: int
    deviation: tuple[float, float, float]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Crops (n, 3, crop_px, crop_px) of standardised images (n, 3, h, w).

        The generator lives on the CPU, so that every device gets the same crops.
        """
        n, _, height, width = images.shape
        px = self.crop_px
        tops = torch.randint(height - px + 1, (n,), generator=generator).tolist()
        lefts = torch.randint(width - px + 1, (n,), generator=generator).tolist()
        mirrored = (torch.rand(n, generator=generator) < 0.5).tolist()
        draws = torch.randn(n, 3, generator=generator) * 0.1 * torch.tensor(SPREAD)
        light = 255 * draws @ torch.tensor(COMPONENTS).T / torch.tensor(self.deviation)
        crops = [
            image[:, y : y + px, x : x + px].flip(2)
            if flips
            else image[:, y : y + px, x : x + px]
            for image, y, x, flips in zip(images, tops, lefts, mirrored, strict=True)
        ]
        return torch.stack(crops).add_(light[:, :, None, None].to(images.device))
