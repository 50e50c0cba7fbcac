"""Photographs as squares that are decoded when a batch needs them, in threads.

A data set of photographs fits on a disk and not into memory: the pixels of ILSVRC's
would take 250 GB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visbase.cnn.training.cores import on_any_core
from visbase.pipeline.contracts import Images
from visbase.pipeline.images.blocks import n_jobs

T = TypeVar("T")


@dataclass(frozen=True)
class Squares:
    """n photographs; `squares[rows]` decodes some: (m, 3, side_px, side_px) uint8.

    square: (images, position) -> (side_px, side_px, 3) uint8; device: that the result
    is on; share: of the rows of a training batch, which come as a tensor, those that
    are decoded, because other processes need the others; they stay black.
    """

    images: Images
    square: Callable[[Images, int], NDArray[np.uint8]]
    side_px: int
    device: torch.device
    share: slice = field(default_factory=lambda: slice(None))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), 3, self.side_px, self.side_px))

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        share = slice(None) if isinstance(rows, slice) else self.share
        positions = range(len(self))[rows] if isinstance(rows, slice) else rows.tolist()
        batch = np.zeros((len(positions), self.side_px, self.side_px, 3), np.uint8)

        def decode(square: NDArray[np.uint8], at: int) -> None:
            square[:] = self.square(self.images, at)

        # Pillow decodes without the GIL; these threads may leave the caller's core
        with ThreadPoolExecutor(n_jobs(), initializer=on_any_core) as pool:
            for _ in pool.map(decode, batch[share], positions[share]):
                pass  # but errors are raised
        return torch.from_numpy(batch).permute(0, 3, 1, 2).to(self.device)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items, while the next one is made in another thread."""
    with ThreadPoolExecutor(1, initializer=on_any_core) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
