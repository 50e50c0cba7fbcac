"""A network for ImageNet that learns from photographs on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from visbase.cnn.backbone.weights import checksum
from visbase.cnn.classifier import LARGEST_PX, NetworkClassifier
from visbase.cnn.imagenet import Network, find_networks
from visbase.cnn.imagenet.loading import published_arrays, restore
from visbase.cnn.training.cores import each_on_its_core
from visbase.cnn.training.device import forked_rng, join_processes, n_processes
from visbase.cnn.training.pixels import Pixels
from visbase.cnn.training.squares import Squares
from visbase.cnn.training.trainer import Augment, Recipe, log_probabilities, train
from visbase.cnn.training.views import Middle, Views
from visbase.pipeline.contracts import Images
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import choose, resized
from visbase.pipeline.storage.cache import entry_path

HEAD, LAST = "head", "last"  # parts of a network that learn


class ImageNetClassifier(NetworkClassifier):
    """Trains one of `find_networks` on colour photographs of any sizes.

    crop_px: side of the crops and of the views; weights: file of weights to go on from,
    "" for random ones; part: what learns, HEAD for the logits, LAST for the last stage
    as well, otherwise all. What does not learn stays in evaluation mode. See
    `NetworkClassifier` for the rest; photographs are decoded batch by batch.
    """

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        seed: int,
        augment: Augment,
        views: Views,
        crop_px: int,
        weights: str,
        part: str,
    ) -> None:
        if part in (HEAD, LAST) and not weights:
            raise BadInput(
                f"train={part}: the other layers would keep random weights; pass "
                "--set weights=FILE as well"
            )
        entry = find_networks()[name]
        _require_size(name, entry, crop_px)
        square_px = entry.resized_px * crop_px // entry.side_px
        super().__init__(partial(_make, entry), recipe, seed, augment, views, square_px)
        self.name = name
        self.entry = entry
        self.weights = weights
        self.part = part
        self.crop_px = crop_px
        self._shape = (3, square_px, square_px)
        self._facts: dict[str, str] = {}

    @property
    def pretrained(self) -> Mapping[str, str]:
        """What the weights are that the training went on from, if any."""
        return self._facts

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Train on n photographs with labels (n,).

        Raises BadInput if the images are too small to be photographs, if the weights do
        not fit, or the training diverges.
        """
        if isinstance(images, np.ndarray) and max(images.shape[1:3]) <= LARGEST_PX:
            raise BadInput(
                f"{self.name} is for photographs; images of {images.shape[2]} x "
                f"{images.shape[1]} pixels are too small"
            )
        self.classes_, targets = np.unique(labels, return_inverse=True)
        # in random order, so that the last sixth, on which a plateau is noticed, has
        # photographs of every class
        order = np.random.default_rng(self.seed).permutation(len(targets))
        images, targets = choose(images, order), targets[order]
        published = self.entry.weights
        self.mean_, self.deviation_ = np.array([published.mean, published.deviation])
        # see `NetworkClassifier.fit`
        with forked_rng(self._device), each_on_its_core(self._device):
            torch.manual_seed(self.seed)
            network = self.entry.make(len(self.classes_))
            self._start_from_weights(network)
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.network_ = network.to(self._device)
            rank = join_processes(self._device)
            history = train(
                self.network_,
                self._lazily(images, slice(rank, None, n_processes())),
                torch.from_numpy(targets.astype(np.int64)).to(self._device),
                self.recipe.for_images(len(targets)),
                self.augment,
                self.seed,
                self._place(images, targets),
                views=Middle(self.crop_px),
            )
        self.histories = [history]

    def scores(self, images: Images) -> NDArray[np.float32]:
        """Log-probabilities (n, C), columns in the order of the labels."""
        pixels = self._lazily(images)
        return log_probabilities(self.network_, pixels, self.views).cpu().numpy()

    def _start_from_weights(self, network: nn.Module) -> None:
        if not self.weights:
            return
        head = f"{_head(network)[0]}."
        arrays = published_arrays(self.name, self.weights, network, (head,))
        restore(network, arrays)
        for module in frozen(network, self.part, self.entry.last):
            freeze(module)
        self._facts = {
            "backbone": self.name,
            "trained_on": "not stated in the file",
            "weights_sha256": checksum(arrays),
            "weights_licence": "not stated in the file",
        }

    def _lazily(self, images: Images, share: slice = slice(None)) -> Pixels:
        squares = squares_of(images, self._shape[1], self._device, share)
        return Pixels(squares, *self._moments())

    def _place(self, images: Images, targets: NDArray[np.int64]) -> Path:
        """The checkpoint of exactly this training."""
        key = {
            "network": str(self.network_),
            "weights": self._facts,
            "part": self.part,
            "recipe": self.recipe,
            "augment": self.augment,
            "seed": self.seed,
            "device": self.device,
            "images": images,
            "targets": targets,
        }
        code = (self.entry.make, self, self.augment)
        return entry_path("network", key, code, ".safetensors")


def _require_size(name: str, entry: Network, crop_px: int) -> None:
    """Raise BadInput if a network does not take images of crop_px x crop_px pixels."""
    try:
        with torch.device("meta"):  # only shapes
            entry.make(2).eval()(torch.zeros(1, 3, crop_px, crop_px))
    except RuntimeError:
        raise BadInput(
            f"crop_px={crop_px}: {name} does not take images of that size; leave it "
            f"out for {entry.side_px}"
        ) from None


def _make(
    entry: Network, _height: int, _width: int, n_classes: int, _channels: int
) -> nn.Module:
    return entry.make(n_classes)


def squares_of(
    images: Images, side_px: int, device: torch.device, share: slice = slice(None)
) -> Squares:
    """Squares to which photographs are squashed, see `Squares`."""
    square = partial(_squashed, side_px=side_px)
    return Squares(images, square, side_px, device, share)


def _squashed(images: Images, at: int, side_px: int) -> NDArray[np.uint8]:
    return resized(images[at : at + 1], side_px, side_px, 3)[0]


def _head(network: nn.Module) -> tuple[str, nn.Module]:
    """The layer of the logits, which is the last fully connected one."""
    named = network.named_modules()
    return [(name, m) for name, m in named if isinstance(m, nn.Linear)][-1]


def frozen(network: nn.Module, part: str, last: str = "") -> list[nn.Module]:
    """The modules of a network that do not learn.

    part: HEAD for all but the logits, LAST for all before the last stage, otherwise
    none. The last stage begins with the child `last`, "" for that of the logits if it
    has other layers with weights, or else the one before.
    """
    head = _head(network)[1]
    if part == HEAD:
        return [m for m in network.modules() if head not in m.modules()]
    if part != LAST:
        return []
    children = [*network.named_children()]
    layers = {
        name: [m for m in child.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        for name, child in children
    }
    *others, own = (name for name in layers if layers[name])
    last = last or (own if len(layers[own]) > 1 else others[-1])
    names = [name for name, _ in children]
    return [child for _, child in children[: names.index(last)]]


def freeze(module: nn.Module) -> None:
    """Keep weights, statistics and dropout of a module as they are in evaluation."""
    module.requires_grad_(False).eval()

    def stay(mode: bool = True) -> nn.Module:
        return module

    # of a network in training, which tells its modules so before every epoch
    module.train = stay  # type: ignore[method-assign]
