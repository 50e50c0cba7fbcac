"""A network as a method: fit, predict and scores on images and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visbase.cnn.inspection.kernels import first_kernels
from visbase.cnn.training.checkpoint import Epoch
from visbase.cnn.training.device import (
    choose_device,
    device_name,
    multiplies_bfloat16,
    n_processes,
)
from visbase.cnn.training.trainer import Augment, Recipe, log_probabilities, train
from visbase.cnn.training.views import shifted_views
from visbase.pipeline.contracts import Arrays, Evidence, Images, check_layout
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import two_best
from visbase.pipeline.images.batches import resized, sizes, stack_grey
from visbase.pipeline.storage.cache import entry_path

SHOWN_KERNELS = 64
LARGEST_PX = 40  # larger images, or images of several sizes, become squares
PHOTOGRAPH_PX = 64  # side of these squares; a small network gains little from more


class NetworkClassifier:
    """Trains a network that maps (n, 1, h, w) to logits (n, C).

    make_network: (height, width, n_classes) -> an untrained network. average_views:
    predict from the mean probabilities of an image's shifted views, see `views`.
    """

    any_size = True  # images may differ in size

    def __init__(
        self,
        make_network: Callable[[int, int, int], nn.Module],
        recipe: Recipe,
        seed: int,
        augment: Augment | None = None,
        average_views: bool = False,
    ) -> None:
        self.make_network = make_network
        self.recipe = recipe
        self.seed = seed
        self.augment = augment
        self.average_views = average_views
        self._device = choose_device()
        self.histories: list[list[Epoch]] = []

    @property
    def device(self) -> str:
        """The device that trains the network, and its precision if not float32."""
        n = n_processes()
        name = device_name(self._device) if n == 1 else f"{n} x {self._device.type}"
        bfloat16 = self.recipe.bfloat16 and multiplies_bfloat16(self._device)
        return f"{name}, bfloat16" if bfloat16 else name

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Train on n images with labels (n,).

        Photographs are resized to squares, see PHOTOGRAPH_PX. Raises BadInput if the
        settings do not make a network or the training diverges.
        """
        (height, width), *other_sizes = np.unique(sizes(images), axis=0).tolist()
        if other_sizes or max(height, width) > LARGEST_PX:
            height = width = PHOTOGRAPH_PX
        self._size = (height, width)
        grey = self._grey(images)
        self.mean_, self.deviation_ = float(grey.mean()), float(grey.std()) or 1.0
        self.classes_, targets = np.unique(labels, return_inverse=True)
        # initial weights and dropout draw from torch's global generator, which is
        # seeded here and restored afterwards
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            try:
                network = self.make_network(height, width, len(self.classes_))
            except (ValueError, RuntimeError, ZeroDivisionError) as error:
                raise BadInput(
                    f"these settings do not make a network ({error})"
                ) from None
            if not all(p.numel() for p in network.parameters()):
                raise BadInput("these settings leave a layer without weights")
            # channels last: an epoch of convnet takes 0.74 of the time with channels
            # first, of lenet5 0.81, of resnet 0.9 (2 cores, batches of 128)
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.network_ = network.to(self._device)
            history = train(
                self.network_,
                self._tensor(grey),
                torch.from_numpy(targets.astype(np.int64)).to(self._device),
                self.recipe,
                self.augment,
                self.seed,
                self._checkpoint(grey, targets),
            )
        self.histories = [history]

    def scores(self, images: Images) -> NDArray[np.float32]:
        """Log-probabilities (n, C), columns in the order of the labels."""
        tensor = self._tensor(self._grey(images))
        views = shifted_views(tensor) if self.average_views else [tensor]
        scores = [log_probabilities(self.network_, view) for view in views]
        mean = torch.stack(scores).logsumexp(0) - math.log(len(scores))
        return mean.cpu().numpy()

    def predict(self, images: Images) -> NDArray[np.int64]:
        """The most probable label of each image, (n,)."""
        return self.classes_[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """What fit has learned, by name.

        classes (C,); size (2,): height and width of the images; standard (2,): mean and
        deviation of the training pixels; network.*: weights, biases and buffers.
        """
        state = self.network_.state_dict().items()
        return {
            "classes": self.classes_,
            "size": np.array(self._size),
            "standard": np.array([self.mean_, self.deviation_]),
            **{f"network.{key}": value.cpu().numpy() for key, value in state},
        }

    def restore(self, arrays: Arrays) -> None:
        """Take the place of fit, given what `arrays` returned.

        Raises BadInput if names, types or shapes are not those of this network.
        """
        layout = {"classes": "int64 C", "size": "int64 2", "standard": "float64 2"}
        first = {name: arrays[name] for name in layout.keys() & arrays.keys()}
        n_classes = check_layout(first, layout)["C"]
        height, width = (int(side) for side in arrays["size"])
        with torch.device("meta"):  # only shapes: no memory, no random weights
            network = self.make_network(height, width, n_classes)
        for key, value in network.state_dict().items():
            shape = " ".join(map(str, value.shape))
            layout[f"network.{key}"] = (
                f"{str(value.dtype).removeprefix('torch.')} {shape}"
            )
        check_layout(arrays, layout)
        network = network.to_empty(device="cpu")
        network.load_state_dict(
            {
                key: torch.from_numpy(arrays[f"network.{key}"])
                for key in network.state_dict()
            }
        )
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network_ = network.to(self._device)
        self.classes_, self._size = arrays["classes"], (height, width)
        self.mean_, self.deviation_ = map(float, arrays["standard"])

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        return sum(p.numel() for p in self.network_.parameters())

    def draw_layers(self, image: NDArray[np.uint8], folder: Path) -> list[Path]:
        """Write pictures of each layer's output for one image (h, w); their paths."""
        # imported here because matplotlib is slow to import
        from visbase.cnn.inspection.layers import save_pictures

        return save_pictures(self.network_, self._tensor(self._grey([image])), folder)

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Evidence]:
        """How much each pixel of an image (h, w) favours its class over the runner-up.

        -> the image as the network sees it, and gradient times difference from a blank
        image (Shrikumar et al. 2016), exact if the network is linear between the two.
        """
        grey = self._grey([image])
        height, width = self._size
        tensor = self._tensor(grey).requires_grad_()
        self.network_.eval()
        logits = self.network_(tensor)[0]
        winner, runner_up = two_best(logits.detach().cpu().numpy())
        (slope,) = torch.autograd.grad(logits[winner] - logits[runner_up], tensor)
        contribution = (tensor.detach() - self._tensor(np.zeros_like(grey))) * slope
        yy, xx = np.mgrid[0:height, 0:width]
        xy = np.stack([(xx + 0.5) / width, (yy + 0.5) / height], axis=-1)
        return grey[0], Evidence(
            winner,
            runner_up,
            xy.reshape(-1, 2).astype(np.float32),
            np.ones(height * width, np.float32),
            contribution.flatten().cpu().numpy(),
        )

    def export_onnx(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the network as an ONNX file with this metadata, see `onnx_export`."""
        from visbase.cnn.inspection.onnx_export import FromPixels, write_onnx

        pixels = (self.mean_, self.deviation_, self.average_views)
        graph = FromPixels(self.network_, *pixels)
        write_onnx(path, graph, (1, *self._size), metadata)

    def show(self, _images: Images) -> dict[str, NDArray[np.float16]]:
        """Kernels (n, h, w) of the first layer, at most SHOWN_KERNELS."""
        kernels = first_kernels(self.network_, *self._size)[:SHOWN_KERNELS]
        return {"kernels": kernels.astype(np.float16)}

    def _grey(self, images: Images) -> NDArray[np.uint8]:
        """Grey images (n, h, w), resized to the network's height and width."""
        if (sizes(images) == self._size).all():
            return stack_grey(images)
        return resized(images, *self._size)

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (h, w) or (h, w, 3) as the network sees it, (height, width)."""
        return self._grey([image])[0]

    def _tensor(self, grey: NDArray[np.uint8]) -> Tensor:
        """(n, h, w) uint8 -> (n, 1, h, w) float32, standardised by the training set."""
        values = torch.from_numpy(grey.astype(np.float32))[:, None]
        return values.sub_(self.mean_).div_(self.deviation_).to(self._device)

    def _checkpoint(self, grey: NDArray[np.uint8], targets: NDArray[np.int64]) -> Path:
        """The file for exactly this training: data, settings, seed, device and code."""
        key = {
            "network": str(self.network_),
            "recipe": self.recipe,
            "augment": self.augment,
            "seed": self.seed,
            "device": self.device,
            "images": grey,
            "targets": targets,
        }
        code = (self.make_network, self, self.augment)
        return entry_path("network", key, code, ".safetensors")
