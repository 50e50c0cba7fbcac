"""A network as a method: fit, predict and scores on images and labels."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visbase.cnn.inspection.kernels import first_kernels
from visbase.cnn.training.checkpoint import Epoch
from visbase.cnn.training.cores import each_on_its_core
from visbase.cnn.training.device import (
    choose_device,
    device_name,
    forked_rng,
    multiplies_bfloat16,
    n_processes,
)
from visbase.cnn.training.pixels import Pixels, channels_first, mean_and_deviation
from visbase.cnn.training.trainer import Augment, Recipe, log_probabilities, train
from visbase.cnn.training.views import Views, alone, mean_of_views
from visbase.pipeline.contracts import Arrays, Evidence, Images, check_layout
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import two_best
from visbase.pipeline.images.batches import (
    drop_false_colour,
    resized,
    sizes,
    with_channels,
)
from visbase.pipeline.images.blocks import map_blocks
from visbase.pipeline.progress import track
from visbase.pipeline.storage.cache import entry_path

SHOWN_KERNELS = 64
LARGEST_PX = 40  # larger images, or images of several sizes, become squares
SHARP_PX = 28  # evidence is drawn as finely as on an image of that width
PHOTOGRAPH_PX = 64  # side of these squares, if the method names no other


class NetworkClassifier:
    """Trains a network that maps (n, channels, h, w) to logits (n, C).

    make_network: (height, width, n_classes, channels) -> an untrained network, with 3
    channels if a training image has colour, otherwise 1; views: what the prediction for
    an image is averaged over; square_px: side of the squares that all images become,
    None for squares of PHOTOGRAPH_PX unless all images have one, small size.
    """

    any_size = True  # images may differ in size

    def __init__(
        self,
        make_network: Callable[[int, int, int, int], nn.Module],
        recipe: Recipe,
        seed: int,
        augment: Augment | None = None,
        views: Views = alone,
        square_px: int | None = None,
    ) -> None:
        self.make_network = make_network
        self.recipe = recipe
        self.seed = seed
        self.augment = augment
        self.views = views
        self.square_px = square_px
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

        Raises BadInput if the settings do not make a network or the training diverges.
        """
        (height, width), *other_sizes = np.unique(sizes(images), axis=0).tolist()
        if self.square_px or other_sizes or max(height, width) > LARGEST_PX:
            height = width = self.square_px or PHOTOGRAPH_PX
        if isinstance(images, np.ndarray):
            self._shape = (3 if images.ndim == 4 else 1, height, width)
            pixels = self._pixels(images)
        else:  # colour may be in any of the photographs
            self._shape = (3, height, width)
            pixels = drop_false_colour(self._pixels(images))
            self._shape = (3 if pixels.ndim == 4 else 1, height, width)
        self.mean_, self.deviation_ = mean_and_deviation(pixels)
        self.classes_, targets = np.unique(labels, return_inverse=True)
        if self.recipe.schedule == "plateau":  # the last sixth must have every class
            order = np.random.default_rng(self.seed).permutation(len(targets))
            pixels, targets = pixels[order], targets[order]
        with forked_rng(self._device), each_on_its_core(self._device):
            torch.manual_seed(self.seed)
            network = self._new_network()
            # channels last: an epoch of convnet takes 0.74 of the time with channels
            # first, of lenet5 0.81, of resnet 0.9 (2 cores, batches of 128)
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.network_ = network.to(self._device)
            history = train(
                self.network_,
                self._standardised(pixels),
                torch.from_numpy(targets.astype(np.int64)).to(self._device),
                self.recipe.for_images(len(targets)),
                self.augment,
                self.seed,
                self._checkpoint(pixels, targets),
            )
        self.histories = [history]

    def _new_network(self) -> nn.Module:
        """Make an untrained network; BadInput if settings or sizes do not allow it."""
        height, width = self._shape[1:]
        network = self._network_or_fault(height, width)
        if isinstance(network, nn.Module):
            return network
        for side in range(min(height, width) + 1, LARGEST_PX + 1):
            if isinstance(self._network_or_fault(side, side), nn.Module):
                raise BadInput(
                    f"{width} x {height} pixels are too small for this network, which "
                    f"takes images from {side} x {side} pixels on; enlarge them"
                )
        raise BadInput(f"these settings do not make a network ({network})")

    def _network_or_fault(self, height: int, width: int) -> nn.Module | str:
        """Make a network for images of this size, or return what is wrong with it."""
        channels, n_classes = self._shape[0], len(self.classes_)
        try:
            with warnings.catch_warnings():  # torch warns of layers without weights
                warnings.simplefilter("ignore")
                network = self.make_network(height, width, n_classes, channels)
            if not all(p.numel() for p in network.parameters()):
                return "a layer is without weights"
            with torch.inference_mode():
                network.eval()(torch.zeros(1, channels, height, width))
        except (ValueError, RuntimeError, ZeroDivisionError) as error:
            return str(error)
        return network.train()

    def scores(self, images: Images) -> NDArray[np.float32]:
        """Log-probabilities (n, C), columns in the order of the labels."""
        pixels = self._standardised(self._pixels(images))
        return log_probabilities(self.network_, pixels, self.views).cpu().numpy()

    def predict(self, images: Images) -> NDArray[np.int64]:
        """The most probable label of each image, (n,)."""
        return self.classes_[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """What fit has learned, by name.

        classes (C,); size (2,): height and width of the images; standard (2 channels,):
        means of the channels in the training images, then their deviations; network.*:
        weights, biases and buffers.
        """
        state = self.network_.state_dict().items()
        return {
            "classes": self.classes_,
            "size": np.array(self._shape[1:]),
            "standard": np.concatenate([self.mean_, self.deviation_]),
            **{f"network.{key}": value.cpu().numpy() for key, value in state},
        }

    def restore(self, arrays: Arrays) -> None:
        """Take the place of fit, given what `arrays` returned.

        Raises BadInput if names, types or shapes are not those of this network.
        """
        layout = {"classes": "int64 C", "size": "int64 2", "standard": "float64 S"}
        first = {name: arrays[name] for name in layout.keys() & arrays.keys()}
        found = check_layout(first, layout)
        channels = 1 if found["S"] == 2 else 3
        layout["standard"] = f"float64 {2 * channels}"
        height, width = (int(side) for side in arrays["size"])
        with torch.device("meta"):  # only shapes: no memory, no random weights
            network = self.make_network(height, width, found["C"], channels)
        for key, value in network.state_dict().items():
            shape = " ".join(map(str, value.shape))
            layout[f"network.{key}"] = (
                f"{str(value.dtype).removeprefix('torch.')} {shape}"
            )
        check_layout(arrays, layout)
        network = network.to_empty(device="cpu")
        names = network.state_dict()
        state = {key: torch.from_numpy(arrays[f"network.{key}"]) for key in names}
        network.load_state_dict(state)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network_ = network.to(self._device)
        self.classes_, self._shape = arrays["classes"], (channels, height, width)
        self.mean_, self.deviation_ = np.split(arrays["standard"], 2)

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        return sum(p.numel() for p in self.network_.parameters())

    def draw_layers(self, image: NDArray[np.uint8], folder: Path) -> list[Path]:
        """Write pictures of each layer's output for one image; returns their paths."""
        # imported here because matplotlib is slow to import
        from visbase.cnn.inspection.layers import save_pictures

        pixels = self._standardised(self._pixels([image]))
        return save_pictures(self.network_, pixels[:], folder)

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Evidence]:
        """How much each pixel of an image favours its class over the runner-up.

        -> the image itself, and gradient times difference from a black image (Shrikumar
        et al. 2016), summed over the channels, which is exact if the network is linear
        between the two.
        """
        pixels = self._pixels([image])
        height, width = self._shape[1:]
        tensor = self._standardised(pixels)[:].requires_grad_()
        self.network_.eval()
        scores = mean_of_views(self.network_, self.views(tensor))[0]
        winner, runner_up = two_best(scores.detach().cpu().numpy())
        (slope,) = torch.autograd.grad(scores[winner] - scores[runner_up], tensor)
        black = self._standardised(np.zeros_like(pixels))[:]
        contribution = ((tensor.detach() - black) * slope).sum(1)
        yy, xx = np.mgrid[0:height, 0:width]
        xy = np.stack([(xx + 0.5) / width, (yy + 0.5) / height], axis=-1)
        side_px = max(1, width // SHARP_PX)
        return image, Evidence(
            winner,
            runner_up,
            xy.reshape(-1, 2).astype(np.float32),
            np.tile(
                np.array([[side_px / width, side_px / height]], np.float32),
                (xx.size, 1),
            ),
            contribution.flatten().cpu().numpy(),
        )

    def export_onnx(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the network as an ONNX file with this metadata, see `onnx_export`."""
        from visbase.cnn.inspection.onnx_export import FromPixels, write_onnx

        graph = FromPixels(self.network_, *self._moments(), self.views)
        write_onnx(path, graph, self._shape, metadata)

    def show(self, _images: Images) -> dict[str, NDArray[np.float16]]:
        """Kernels (n, h, w[, 3]) of the first layer, at most SHOWN_KERNELS."""
        kernels = first_kernels(self.network_, *self._shape[1:])[:SHOWN_KERNELS]
        return {"kernels": kernels.astype(np.float16)}

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (h, w[, 3]) as the network sees it, (height, width[, 3])."""
        return self._pixels([image])[0]

    def _pixels(self, images: Images) -> NDArray[np.uint8]:
        """Images (n, h, w[, 3]) with the network's height, width and channels."""
        channels, height, width = self._shape
        if isinstance(images, np.ndarray) and images.shape[1:3] == (height, width):
            return with_channels(images, channels)
        resize = functools.partial(
            resized, height=height, width=width, channels=channels
        )
        return map_blocks(resize, images, "reading images", track)

    def _standardised(self, pixels: NDArray[np.uint8]) -> Pixels:
        """Images (n, h, w[, 3]), standardised by the training set, on the device."""
        writable = np.require(pixels, requirements="W")  # or torch warns
        values = torch.from_numpy(channels_first(writable)).to(self._device)
        return Pixels(values, *self._moments())

    def _moments(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (c, 1, 1) of the channels in the training images."""
        mean, deviation = (
            torch.from_numpy(values.astype(np.float32))[:, None, None].to(self._device)
            for values in (self.mean_, self.deviation_)
        )
        return mean, deviation

    def _checkpoint(
        self, pixels: NDArray[np.uint8], targets: NDArray[np.int64]
    ) -> Path:
        """The file for exactly this training: data, settings, seed, device and code."""
        key = {
            "network": str(self.network_),
            "recipe": self.recipe,
            "augment": self.augment,
            "seed": self.seed,
            "device": self.device,
            "images": pixels,
            "targets": targets,
        }
        code = (self.make_network, self, self.augment)
        return entry_path("network", key, code, ".safetensors")
