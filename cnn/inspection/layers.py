"""Pictures of a trained network: kernels, feature maps and receptive fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from visbase.cnn.dropout.layers import StochasticPool2d
from visbase.cnn.inspection.kernels import first_kernels
from visbase.pipeline.evaluation import receptive_fields
from visbase.pipeline.storage.atomic import write_named

# layers that see a neighbourhood
WINDOWS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, StochasticPool2d)
# layers that see the whole input
GLOBAL = (nn.Linear, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
SHOWN = (*WINDOWS, *GLOBAL)
MAX_MAPS = 16  # feature maps per layer in a picture


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    shape: of the output, without the batch axis; field_px: side of the square of input
    pixels that one output sees (its receptive field), None if it sees all of them;
    start_px: row and column of the image at which the first output's field begins,
    negative in the padding; stride_px: distance in the input between the fields of
    neighbouring outputs; kernel_px: side of the layer's own window, None without one;
    weight_shape: of the weights without the intercepts, () without any;
    depth: layers with weights on the longest way here from the image, with this one.
    """

    name: str
    shape: tuple[int, ...]
    n_parameters: int
    field_px: int | None
    start_px: int
    stride_px: int
    kernel_px: int | None
    weight_shape: tuple[int, ...]
    depth: int

    @property
    def n_weights(self) -> int:
        """Parameters but for the intercepts."""
        return math.prod(self.weight_shape) if self.weight_shape else 0

    @property
    def multiply_adds(self) -> int:
        """Products of a weight and an input, for one image."""
        return self.n_weights * math.prod(self.shape[1:])


class _Path(NamedTuple):
    """How a tensor came from the image: of several ways, what the longest one has.

    windows: kernel and stride of each layer that sees a neighbourhood; start_px: where
    the first output's field begins; depth: layers with weights.
    """

    windows: tuple[tuple[int, int], ...] = ()
    start_px: int = 0
    is_local: bool = True
    depth: int = 0

    @property
    def field(self) -> tuple[int, int]:
        return receptive_fields(self.windows)[-1] if self.windows else (1, 1)


class _Following(TorchFunctionMode):
    """Hand the paths of tensors on, through additions, concatenations and the like."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        paths = [*_paths(args)]
        parts = result if isinstance(result, list | tuple) else [result]  # of a chunk
        for part in parts if paths else ():
            if isinstance(part, Tensor):
                widest = max(paths, key=lambda path: (not path.is_local, path.field))
                depth = max(path.depth for path in paths)
                part.path = widest._replace(depth=depth)  # type: ignore[attr-defined]
        return result


def _paths(args: Any) -> Iterator[_Path]:
    for arg in args:
        if isinstance(arg, list | tuple):
            yield from _paths(arg)
        elif isinstance(arg, Tensor) and hasattr(arg, "path"):
            yield arg.path


def trace(network: nn.Module, image: Tensor) -> list[tuple[Layer, Tensor]]:
    """Layers with windows or weights and their outputs, in order of execution.

    image (1, c, h, w); outputs without the batch axis. Fields and strides come from
    `receptive_fields`, along the widest of all ways from the image to an output.
    """
    layers: list[tuple[Layer, Tensor]] = []

    def record(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        path: _Path = getattr(inputs[0], "path", _Path())
        kernel_px = None
        if isinstance(module, GLOBAL):
            if not isinstance(module, nn.Linear) and output.shape == inputs[0].shape:
                return  # an adaptive pooling that has nothing to do
            path = path._replace(is_local=False)
        if isinstance(module, WINDOWS):
            kernel_px = _single(module.kernel_size)
            if path.is_local:
                window = kernel_px, _single(module.stride)
                padding = module.padding
                if isinstance(padding, str):
                    padding = (kernel_px - 1) // 2 if padding == "same" else 0
                start_px = path.start_px - _single(padding) * path.field[1]
                windows = (*path.windows, window)
                path = path._replace(windows=windows, start_px=start_px)
        weight = getattr(module, "weight", None)
        path = path._replace(depth=path.depth + (weight is not None))
        output.path = path  # type: ignore[attr-defined]
        field, step = path.field
        layer = Layer(
            name=f"{type(module).__name__} {len(layers) + 1}",
            shape=tuple(output.shape[1:]),
            n_parameters=sum(p.numel() for p in module.parameters()),
            field_px=field if path.is_local else None,
            start_px=path.start_px if path.is_local else 0,
            stride_px=step,
            kernel_px=kernel_px,
            weight_shape=() if weight is None else tuple(weight.shape),
            depth=path.depth,
        )
        layers.append((layer, output[0]))

    hooks = [
        module.register_forward_hook(record)
        for module in network.modules()
        if isinstance(module, SHOWN)
    ]
    try:
        network.eval()
        with torch.inference_mode(), _Following():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return layers


def save_pictures(network: nn.Module, image: Tensor, folder: Path) -> list[Path]:
    """Write kernels.png, feature_maps.png and receptive_fields.png.

    image (1, c, h, w), standardised as for training. Returns the paths.
    """
    layers = trace(network, image)
    size = image.shape[2:]
    pictures = {
        "kernels.png": _kernels(network, size[0], size[1]),
        "feature_maps.png": _feature_maps(layers, image),
        "receptive_fields.png": _receptive_fields(layers, image),
    }
    paths = []
    for name, figure in pictures.items():
        paths.append(folder / name)
        with write_named(paths[-1]) as file:
            figure.savefig(file, format="png", dpi=120)
        plt.close(figure)
    return paths


def _kernels(network: nn.Module, height: int, width: int) -> Figure:
    kernels = first_kernels(network, height, width)[:64]
    columns = math.ceil(math.sqrt(2 * len(kernels)))
    rows = math.ceil(len(kernels) / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns, rows + 0.6), squeeze=False, layout="tight"
    )
    limit = float(np.abs(kernels).max()) or 1.0
    for axis in axes.flat:
        axis.axis("off")
    for axis, kernel in zip(axes.flat, kernels, strict=False):
        # weights of colour images are shown as colours, for which limits do not count
        shown = kernel if kernel.ndim == 2 else (kernel / limit + 1) / 2
        axis.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit)
    legend = "red: positive, blue: negative" if kernels.ndim == 3 else "grey: zero"
    title = f"weights of the first layer ({legend})"
    figure.suptitle(title, fontsize=9)
    return figure


def _feature_maps(layers: list[tuple[Layer, Tensor]], image: Tensor) -> Figure:
    rows = [("input", image[0])] + [
        (f"{layer.name}\n{' x '.join(map(str, layer.shape))}", output)
        for layer, output in layers
    ]
    figure, axes = plt.subplots(
        len(rows),
        MAX_MAPS,
        figsize=(MAX_MAPS * 0.75 + 1.5, len(rows) * 0.8),
        squeeze=False,
        gridspec_kw={"left": 0.12, "right": 0.99, "top": 0.99, "bottom": 0.01},
    )
    for axis in axes.flat:
        axis.axis("off")
    for i, (name, output) in enumerate(rows):
        place = axes[i, 0].get_position()
        figure.text(
            0.115,
            place.y0 + place.height / 2,
            name,
            fontsize=7,
            ha="right",
            va="center",
        )
        values = output.cpu().numpy()
        if values.size == len(values):  # one number per map or unit: drawn as a strip
            strip = figure.add_subplot(axes[i, 0].get_gridspec()[i, :])
            strip.imshow(values.reshape(1, -1), cmap="gray", aspect="auto")
            strip.axis("off")
            continue
        for axis, feature_map in zip(axes[i], values, strict=False):
            axis.imshow(feature_map, cmap="gray")
    return figure


def _receptive_fields(layers: list[tuple[Layer, Tensor]], image: Tensor) -> Figure:
    height, width = image.shape[2:]
    figure, axis = plt.subplots(figsize=(7.5, 4.6))
    axis.imshow(image[0].mean(0).cpu().numpy(), cmap="gray")
    colours = plt.get_cmap("plasma")(np.linspace(0.1, 0.95, len(layers)))
    for (layer, _), colour in zip(layers, colours, strict=True):
        side = layer.field_px
        label = f"{layer.name}: " + (f"{side} px" if side else "all pixels")
        across, down = (side, side) if side else (width, height)
        corner = ((width - across) / 2 - 0.5, (height - down) / 2 - 0.5)
        axis.add_patch(
            Rectangle(
                corner,
                across,
                down,
                fill=False,
                edgecolor=colour,
                linewidth=1.5,
                label=label,
            )
        )
    reach = max([layer.field_px or 0 for layer, _ in layers] + [width, height])
    axis.set_xlim(width / 2 - reach / 2 - 1.5, width / 2 + reach / 2 + 0.5)
    axis.set_ylim(height / 2 + reach / 2 + 0.5, height / 2 - reach / 2 - 1.5)
    axis.set_facecolor("0.85")
    axis.set_title("input pixels seen by one output of each layer", fontsize=9)
    axis.legend(
        loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7, frameon=False
    )
    figure.tight_layout()
    return figure


def _single(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]
