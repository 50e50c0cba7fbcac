"""Vectors of patch words, compared with plain torch and with their products alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from benchmarks.side_by_side import Pair
from visbase.baselines.patch_words import Config
from visbase.pipeline.contracts import Arrays, part_of
from visbase.pipeline.encoding.patch_words import (
    CONTRAST,
    HALF_PX,
    PATCH_PX,
    PatchWords,
    encode,
)

SIDE, N_IMAGES, BATCH = 32, 40, 10
CELL = 14  # positions along a cell, which begins at 0 or 13 of 27


def pairs() -> Iterator[Pair]:
    images = pictures()
    config = Config()
    learned = part_of(config, PatchWords).learn(images, seed=0)
    k, images = len(learned["words"]), images[:N_IMAGES]
    task = (
        f"{k:,} patch words, {N_IMAGES} colour images of {SIDE} x {SIDE} and their "
        "mirror images"
    )

    def ours() -> NDArray[np.float32]:
        return encode(images, **learned, threshold=config.threshold)

    filters, biases = as_filters(learned)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() - 128
    yield Pair(
        task,
        "torch: `conv2d`, `relu`, `avg_pool2d`",
        ours,
        lambda: in_torch(pixels, filters, biases, config.threshold),
        at_least=5,
        repeats=3,
        agreement=lambda ours, peer: (
            f"largest difference of the means: {np.abs(ours**2 - peer).max():.1e}"
        ),
    )
    n_patches = (SIDE - PATCH_PX + 1) ** 2
    rng = np.random.default_rng(0)
    half = rng.normal(size=(n_patches, learned["words"].shape[2])).astype(np.float32)
    even, odd = (np.ascontiguousarray(learned["words"][:, i].T) for i in (0, 1))

    def products() -> Any:
        for _ in images:
            half @ even
            last = half @ odd
        return last

    yield Pair(task, "their matrix products alone", ours, products, 1 / 2.5, repeats=3)


def pictures() -> NDArray[np.uint8]:
    """Squares of the two sample photographs of scikit-learn, (n, 32, 32, 3)."""
    from sklearn.datasets import load_sample_images

    photo = np.concatenate(load_sample_images().images)
    height, width = (side // SIDE for side in photo.shape[:2])
    tiles = photo[: height * SIDE, : width * SIDE].reshape(height, SIDE, width, SIDE, 3)
    squares = tiles.swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
    return np.random.default_rng(0).permutation(squares)


def as_filters(learned: Arrays) -> tuple[torch.Tensor, torch.Tensor]:
    """Fold whitening and mean into filters (k, 3, 6, 6) and biases (k,)."""
    even, odd = (
        learned["words"][:, i].astype(float) @ learned["whitening"][i].T for i in (0, 1)
    )
    biases = -even @ learned["mean"]
    shape = (-1, PATCH_PX, HALF_PX, 3)
    near, far = (
        (part / np.sqrt(2)).reshape(shape) for part in (even + odd, even - odd)
    )
    filters = np.concatenate([near, far[:, :, ::-1]], axis=2)
    filters -= filters.mean(axis=(1, 2, 3), keepdims=True)  # patches have mean 0
    return (
        torch.from_numpy(filters.transpose(0, 3, 1, 2).astype(np.float32)),
        torch.from_numpy(biases.astype(np.float32)),
    )


@torch.inference_mode()
def in_torch(
    pixels: torch.Tensor, filters: torch.Tensor, biases: torch.Tensor, threshold: float
) -> NDArray[np.float32]:
    """The squared vectors of images (n, 3, h, w), in batches."""
    batches = []
    for batch in pixels.split(BATCH):
        views = [
            _means(view, filters, biases, threshold) for view in (batch, batch.flip(3))
        ]
        batches.append((views[0] + views[1]) / 2)
    return torch.cat(batches).numpy()


def _means(
    images: torch.Tensor, filters: torch.Tensor, biases: torch.Tensor, threshold: float
) -> torch.Tensor:
    values = images.double()  # the variance of even patches loses digits in float32
    mean = F.avg_pool2d(values.mean(1, keepdim=True), PATCH_PX, 1)
    square = F.avg_pool2d(values.square().mean(1, keepdim=True), PATCH_PX, 1)
    scale = (square - mean.square() + CONTRAST).rsqrt().float()
    responses = F.conv2d(images, filters) * scale + biases[:, None, None]
    signs = [
        F.avg_pool2d(F.relu(signed - threshold), CELL, CELL - 1)
        for signed in (responses, -responses)
    ]
    return torch.stack(signs, 1).permute(0, 3, 4, 1, 2).flatten(1)
