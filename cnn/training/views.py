"""Views of an image that a network is asked about: itself and its shifts by a pixel.

The answer is the mean of the probabilities, as in Krizhevsky et al. 2012, section 4.1,
whose network averages over ten crops of a photograph. Nothing is mirrored here, since
a mirrored digit is none.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def shifted_views(images: Tensor) -> list[Tensor]:
    """Images (n, c, h, w) and what they are moved by one pixel in four directions.

    The border is repeated where nothing moves in.
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    corners = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    return [padded[:, :, y : y + height, x : x + width] for y, x in corners]
