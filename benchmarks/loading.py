"""Photographs decoded and augmented, compared with a network that learns from them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from benchmarks.side_by_side import Pair
from visbase.cnn.imagenet.classifier import squares_of
from visbase.cnn.imagenet.torchvision_networks import models
from visbase.cnn.training.crops import Crops, LitCrops
from visbase.pipeline.datasets.folder import load_folder

N = 32  # photographs
LEAST_PER_S = 150


def pairs() -> Iterator[Pair]:
    """JPEG file to augmented crop; forward and backward pass of the same photographs.

    The ratio is that of photographs per second, loaded to trained.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, pixels in zip("ab", load_sample_images().images, strict=True):
            (Path(folder) / name).mkdir()
            photo = Image.fromarray(pixels).resize((500, 375))
            for i in range(N // 2 + 1):
                turned = photo.rotate(i)
                turned.save(Path(folder) / name / f"{i}.jpg", quality=90)
        photographs = load_folder(Path(folder), train_per_class=1).test.images
        squares = squares_of(photographs, 256, torch.device("cpu"))
        network = models.resnet34().to(memory_format=torch.channels_last)
        batch = torch.randn(N, 3, 224, 224)

        def learn() -> None:
            torch.set_num_threads(2)
            network(batch).logsumexp(1).sum().backward()

        for name, crops in (
            ("random areas and light", Crops(224, smallest_crop=0.35, light=0.3)),
            ("AlexNet's crops and lighting", LitCrops(224, (58.0, 57.0, 57.0))),
        ):

            def load(crops: Crops | LitCrops = crops) -> torch.Tensor:
                torch.set_num_threads(2)
                generator = torch.Generator().manual_seed(0)
                return crops(squares[torch.arange(N)].float(), generator)

            yield Pair(
                f"{N} JPEG photographs of 500 x 375 to crops of 224 px, {name} (at "
                f"least {LEAST_PER_S} per second: {N / LEAST_PER_S:.2f} s)",
                "ResNet-34 learns from them, torch",
                load,
                learn,
                1,
                threads=2,
                repeats=3,
            )
