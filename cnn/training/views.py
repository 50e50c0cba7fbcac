"""Views of an image to average over: shifted digits, mirrored objects, crops.

The mean of the views' probabilities is the prediction, as in Krizhevsky et al. 2012,
section 4.1, whose network averages over ten crops of a photograph. No view of a digit
is mirrored, since a mirrored digit is not a digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Views = Callable[[Tensor], list[Tensor]]  # images (n, c, h, w) -> views of all of them


def alone(images: Tensor) -> list[Tensor]:
    """Images (n, c, h, w) and no other view."""
    return [images]


def shifted_views(images: Tensor) -> list[Tensor]:
    """Images (n, c, h, w), then the same moved by one pixel down, up, right and left.

    The border is repeated where no pixel moves in.
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    corners = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    return [padded[:, :, y : y + height, x : x + width] for y, x in corners]


def mirrored_views(images: Tensor) -> list[Tensor]:
    """Images (n, c, h, w) and their mirror images."""
    return [images, images.flip(3)]


def mirrored_and_shifted_views(images: Tensor) -> list[Tensor]:
    """Images (n, c, h, w), the same moved by a pixel up and left or down and right,
    and the mirror images of all three.
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    views = [padded[:, :, i : i + height, i : i + width] for i in (1, 2, 0)]
    return views + [view.flip(3) for view in views]


@dataclass(frozen=True)
class CropsAndWhole:
    """The four corners and the middle of an image, the whole, and their mirror images.

    crop_px: height and width of each; the images must not be smaller. All have about
    the scale that a network trained on crops knows: it is worse at any other.
    """

    crop_px: int

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Images (n, c, h, w) -> twelve times (n, c, crop_px, crop_px)."""
        px = self.crop_px
        crops = corners_and_middle(images, px)
        crops.append(F.interpolate(images, (px, px), mode="bilinear"))
        return crops + [crop.flip(3) for crop in crops]


@dataclass(frozen=True)
class TenCrops:
    """Corners, middle and their mirror images (Krizhevsky et al. 2012, section 4.1)."""

    crop_px: int

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Images (n, c, h, w) -> ten times (n, c, crop_px, crop_px)."""
        crops = corners_and_middle(images, self.crop_px)
        return crops + [crop.flip(3) for crop in crops]


@dataclass(frozen=True)
class Middle:
    """The middle of an image."""

    crop_px: int

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Images (n, c, h, w) -> once (n, c, crop_px, crop_px)."""
        return corners_and_middle(images, self.crop_px)[4:]


def corners_and_middle(images: Tensor, px: int) -> list[Tensor]:
    """The four corners and the middle of images (n, c, h, w), five (n, c, px, px)."""
    down, right = images.shape[2] - px, images.shape[3] - px
    corners = [(0, 0), (0, right), (down, 0), (down, right)]
    return [
        images[:, :, y : y + px, x : x + px]
        for y, x in [*corners, (down // 2, right // 2)]
    ]


def mean_of_views(network: nn.Module, views: list[Tensor]) -> Tensor:
    """Log of the mean probabilities (n, C) that a network gives to the views."""
    scores = torch.stack([network(view).log_softmax(1) for view in views])
    return scores.logsumexp(0) - math.log(len(views))
