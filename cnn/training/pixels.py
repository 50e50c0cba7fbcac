"""Images in 8 bits that become numbers of mean 0 and deviation 1 batch by batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visbase.cnn.training.squares import Squares

MOST_VALUES = 50_000_000  # that mean and deviation are computed from, per channel


@dataclass(frozen=True)
class Pixels:
    """n images; `pixels[rows]` are those of some positions, standardised.

    values (n, c, h, w) uint8, which take a quarter of the memory of float32, or squares
    that are decoded for each batch; mean and deviation (c, 1, 1) float32: of each
    channel in the training images.
    """

    values: Tensor | Squares
    mean: Tensor
    deviation: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        return self.values[rows].float().sub_(self.mean).div_(self.deviation)

    @property
    def shape(self) -> torch.Size:
        return self.values.shape

    @property
    def device(self) -> torch.device:
        return self.values.device


def channels_first(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """View images (n, h, w) or (n, h, w, 3) as (n, 1, h, w) or (n, 3, h, w)."""
    return images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)


def mean_and_deviation(
    images: NDArray[np.uint8],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each channel (c,); a constant one has 1."""
    n, height, width = images.shape[:3]
    step = math.ceil(n * height * width / MOST_VALUES)  # `std` takes 8 bytes per value
    channels = np.moveaxis(channels_first(images[::step]), 1, 0)
    mean = np.array([channel.mean() for channel in channels])
    deviation = np.array([channel.std() or 1.0 for channel in channels])
    return mean, deviation
