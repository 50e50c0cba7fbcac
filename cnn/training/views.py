"""Views of an image to average over: the image and its shifts by one pixel.

The mean of the views' probabilities is the prediction, as in Krizhevsky et al. 2012,
section 4.1, whose network averages over ten crops of a photograph. No view is mirrored,
since a mirrored digit is not a digit.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def shifted_views(images: Tensor) -> list[Tensor]:
    """Images (n, c, h, w), then the same moved by one pixel down, up, right and left.

    The border is repeated where no pixel moves in.
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    corners = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    return [padded[:, :, y : y + height, x : x + width] for y, x in corners]
