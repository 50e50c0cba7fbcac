"""Photographs to features of a frozen network, compared with timm's eager loop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.side_by_side import Pair
from visbase.cnn.backbone.timm_networks import make_network, timm
from visbase.cnn.backbone.weights import PACKAGED
from visbase.cnn.pretrained import Config, build
from visbase.pipeline.datasets.folder import load_folder

N = 24  # photographs


def pairs() -> Iterator[Pair]:
    """JPEG file to vector in two threads, EfficientNet-lite0 at 224 px, one view."""
    import torch
    from sklearn.datasets import load_sample_images

    with tempfile.TemporaryDirectory() as folder:
        for name, pixels in zip("ab", load_sample_images().images, strict=True):
            (Path(folder) / name).mkdir()
            photo = Image.fromarray(pixels).resize((534, 400))
            for i in range(N // 2 + 1):
                turned = photo.rotate(i)
                turned.save(Path(folder) / name / f"{i}.jpg", quality=90)
        dataset = load_folder(Path(folder), train_per_class=1)
        model = build(Config(size_px=224, mirrored=False), 0)
        model.fit(dataset.train.images, dataset.train.labels)
        photographs: Any = dataset.test.images
        network = make_network(PACKAGED)
        weights = {k: torch.from_numpy(v) for k, v in model.backbone_.arrays.items()}
        network.load_state_dict(weights)
        transform = timm.data.create_transform((3, 224, 224), crop_pct=1.0)

        def eager() -> np.ndarray:
            torch.set_num_threads(2)
            rows = []
            with torch.no_grad():
                for path in photographs.paths:
                    image = transform(Image.open(path).convert("RGB"))
                    rows.append(network(image[None])[0].numpy())
            return np.stack(rows)

        yield Pair(
            f"{len(photographs)} JPEG photographs of 534 x 400 to features, "
            "EfficientNet-lite0, 224 px",
            "timm, eager, one image at a time",
            lambda: model.pooled(photographs),
            eager,
            2,
            threads=2,
        )
