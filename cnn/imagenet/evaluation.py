"""Top-1 and top-5 error by ILSVRC's protocol, one batch of photographs at a time.

The shorter side of a photograph is resized to 256 pixels and the middle square is kept.
The network sees the middle of it, 224 x 224, or its ten crops, whose probabilities are
averaged (Krizhevsky et al. 2012, sections 2 and 4.1; He et al. 2016, section 4.1).
"""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from visbase.cnn.imagenet.loading import Loaded
from visbase.cnn.training.cores import each_on_its_core
from visbase.cnn.training.device import choose_device
from visbase.cnn.training.pixels import Pixels
from visbase.cnn.training.squares import Squares, ahead
from visbase.cnn.training.views import Middle, TenCrops, mean_of_views
from visbase.pipeline.contracts import Images
from visbase.pipeline.datasets.splits import Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_outside_top, wilson_interval
from visbase.pipeline.images.batches import to_rgb
from visbase.pipeline.images.photo_files import PhotoFiles
from visbase.pipeline.progress import track
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.cache import entry_path
from visbase.pipeline.storage.reading import Count, read_json

Image8 = NDArray[np.uint8]

BATCH = 50  # photographs; a view of each is in memory at once


class Counts(msgspec.Struct, frozen=True):
    """Photographs that were evaluated, and those whose class was not among the best."""

    n: Count = 0
    wrong_1: Count = 0
    wrong_5: Count = 0

    def __str__(self) -> str:
        parts = []
        for k, wrong in ((1, self.wrong_1), (5, self.wrong_5)):
            low, high = (100 * bound for bound in wilson_interval(wrong, self.n))
            error = error_pct(wrong, self.n)
            parts.append(f"top-{k} error {error:.2f} % ({low:.2f} to {high:.2f})")
        return f"{', '.join(parts)}, {self.n:,} photographs"


def evaluate(loaded: Loaded, split: Split, ten_crops: bool = False) -> Counts:
    """Evaluate a network on n photographs whose labels are positions of its logits.

    The counts are kept after every batch: an evaluation that was killed continues, and
    gives what it would have given. Raises BadInput if a photograph cannot be read.
    """
    device = choose_device()
    views = (TenCrops if ten_crops else Middle)(loaded.crop_px)
    place = _place(loaded, split, views, device)
    counts = _read(place, len(split))
    network = loaded.network.to(device)
    pixels = pixels_of(loaded, split.images, device, ten_crops)
    starts = range(counts.n, len(split), BATCH)
    batches = ahead(pixels[start : start + BATCH] for start in starts)
    for batch in track(batches, "evaluating", len(starts)):
        with torch.inference_mode(), each_on_its_core(device):
            scores = mean_of_views(network, views(batch)).cpu().numpy()
        truth = split.labels[counts.n : counts.n + len(scores)]
        counts = Counts(
            n=counts.n + len(scores),
            wrong_1=counts.wrong_1 + n_outside_top(truth, scores, 1),
            wrong_5=counts.wrong_5 + n_outside_top(truth, scores, 5),
        )
        with atomic_write(place) as file:
            file.write(msgspec.json.encode(counts))
    return counts


def pixels_of(
    loaded: Loaded, images: Images, device: torch.device, ten_crops: bool = False
) -> Pixels:
    """Squares of n photographs, decoded when they are needed.

    Without ten_crops they are the middle crops themselves: a crop of a crop may be one
    pixel off.
    """
    px = loaded.resized_px if ten_crops else loaded.crop_px
    square = functools.partial(_square_at, loaded=loaded, px=px)
    mean, deviation = (
        torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]
        for values in (loaded.mean, loaded.deviation)
    )
    return Pixels(Squares(images, square, px, device), mean, deviation)


def _square_at(images: Images, at: int, loaded: Loaded, px: int) -> Image8:
    return middle_square(images[at], loaded.resized_px, px, loaded.is_bicubic)


def middle_square(image: Image8, resized_px: int, px: int, is_bicubic: bool) -> Image8:
    """Resize the shorter side of (h, w) or (h, w, 3), keep the middle (px, px, 3).

    Pillow's filters average where they shrink, as those of torchvision and timm do.
    """
    rgb = to_rgb(image[None])[0]
    height, width = rgb.shape[:2]
    shorter = min(height, width)
    height, width = (side * resized_px // shorter for side in (height, width))
    resampling = Image.Resampling.BICUBIC if is_bicubic else Image.Resampling.BILINEAR
    resized = np.asarray(Image.fromarray(rgb).resize((width, height), resampling))
    top, left = round((height - px) / 2), round((width - px) / 2)
    return resized[top : top + px, left : left + px]


def _place(loaded: Loaded, split: Split, views: object, device: torch.device) -> Path:
    """Where the counts of exactly this evaluation are kept."""
    images = split.images
    key = {
        "network": repr(loaded),
        "weights": loaded.sha256,
        "views": views,
        "device": device.type,
        "images": images.digests if isinstance(images, PhotoFiles) else images,
        "labels": split.labels,
    }
    return entry_path("evaluation", key, (evaluate, views), ".json")


def _read(place: Path, n: int) -> Counts:
    """The counts of an evaluation that was interrupted; zeros if there are none."""
    try:
        counts = read_json(place, Counts, "counts of an evaluation")
    except BadInput:
        return Counts()
    return counts if counts.n <= n else Counts()
