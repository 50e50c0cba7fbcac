"""A network as a method: images and labels in, fit, predict and scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnn.trainer import Augment, Recipe, train
from pipeline.images import Images, stack_grey

BATCH = 1000  # images scored at once


class NetworkClassifier:
    """Trains a network that maps (n, 1, h, w) to logits (n, C).

    make_network: (height, width, n_classes) -> an untrained network.
    """

    def __init__(
        self,
        make_network: Callable[[int, int, int], nn.Module],
        recipe: Recipe,
        seed: int,
        augment: Augment | None = None,
    ) -> None:
        self.make_network = make_network
        self.recipe = recipe
        self.seed = seed
        self.augment = augment

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """n images of one size, labels (n,)."""
        grey = stack_grey(images)
        self.mean_, self.deviation_ = float(grey.mean()), float(grey.std()) or 1.0
        self.classes_, targets = np.unique(labels, return_inverse=True)
        # initial weights and dropout draw from torch's global generator: seeded here,
        # put back afterwards
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            height, width = grey.shape[1:]
            self.network_ = self.make_network(height, width, len(self.classes_))
            train(
                self.network_,
                self._tensor(grey),
                torch.from_numpy(targets.astype(np.int64)),
                self.recipe,
                self.augment,
                torch.Generator().manual_seed(self.seed),
            )

    def scores(self, images: Images) -> NDArray[np.float32]:
        """Log-probabilities (n, C)."""
        self.network_.eval()
        with torch.inference_mode():
            parts = [
                self.network_(batch).log_softmax(1)
                for batch in self._tensor(stack_grey(images)).split(BATCH)
            ]
        return torch.cat(parts).numpy()

    def predict(self, images: Images) -> NDArray[np.int64]:
        """The likeliest class, (n,)."""
        return self.classes_[self.scores(images).argmax(axis=1)]

    @property
    def n_parameters(self) -> int:
        return sum(p.numel() for p in self.network_.parameters())

    def _tensor(self, grey: NDArray[np.uint8]) -> Tensor:
        """(n, h, w) uint8 -> (n, 1, h, w) float32, standardised by the training set."""
        values = torch.from_numpy(grey.astype(np.float32))[:, None]
        return (values - self.mean_) / self.deviation_
