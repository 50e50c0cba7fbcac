"""Networks with the weights of others: ours by name, or any of timm's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from visbase.cnn.backbone.timm_networks import (
    is_known,
    make_network,
    pretrained_cfg,
    shapes,
)
from visbase.cnn.backbone.weights import checksum, find_weights, read_weights
from visbase.cnn.imagenet import find_networks
from visbase.pipeline.contracts import Arrays
from visbase.pipeline.errors import BadInput, printable

ALL_CLASSES = 1000


@dataclass(frozen=True)
class Loaded:
    """A network in evaluation mode, and the images that its weights expect.

    mean, deviation: of R, G and B, in levels of 255; the shorter side is resized to
    resized_px, and crops have crop_px; is_bicubic: how it is resized, else bilinearly;
    sha256: of the weights.
    """

    network: nn.Module
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    resized_px: int
    crop_px: int
    is_bicubic: bool
    sha256: str


def load_network(name: str, file: str, n_classes: int) -> Loaded:
    """Load a network for n_classes with weights: of a file, or where timm keeps them.

    Raises BadInput if the name is unknown, or the weights are missing or do not fit: it
    names the tensor.
    """
    try:
        return _load(name, file, n_classes)
    except BadInput as error:
        if n_classes == ALL_CLASSES:
            raise
        raise BadInput(
            f"{error}; for weights of {ALL_CLASSES:,} classes, these photographs of "
            f"{n_classes:,} need LOC_synset_mapping.txt or meta.mat beside them"
        ) from None


def _load(name: str, file: str, n_classes: int) -> Loaded:
    entry = find_networks().get(name)
    if entry is None:
        if not is_known(name):
            raise BadInput(
                f"unknown network {printable(name[:60])!r}; choose from: "
                f"{', '.join(find_networks())}, or a name of timm's"
            )
        return _load_from_timm(name, file, n_classes)
    if not file:
        raise BadInput(
            f"{printable(name)} has no weights here: pass --weights FILE; "
            "docs/networks.md says which files fit"
        )
    with torch.device("meta"):  # only shapes: no memory, no random weights
        network = entry.make(n_classes)
    arrays = published_arrays(name, file, network)
    restore(network, arrays)
    published = entry.weights
    return Loaded(
        network.eval(),
        published.mean,
        published.deviation,
        entry.resized_px,
        entry.side_px,
        False,
        checksum(arrays),
    )


def published_arrays(
    name: str, file: str, network: nn.Module, left_out: tuple[str, ...] = ()
) -> Arrays:
    """Read the weights of one of our networks, for images in RGB.

    left_out: beginnings of names of the network's tensors that are not read. Raises
    BadInput if a tensor is missing, unknown, or of another shape.
    """
    published = find_networks()[name].weights
    expected = network.state_dict()
    wanted = {k: v for k, v in expected.items() if not k.startswith(left_out or "\0")}
    arrays = read_weights(Path(file), wanted, (*left_out, *published.unused))
    if published.is_bgr:
        first = next(key for key, value in arrays.items() if value.ndim == 4)
        arrays[first] = np.ascontiguousarray(arrays[first][:, ::-1])
    return arrays


def restore(network: nn.Module, arrays: Arrays) -> None:
    """Give a network, perhaps without memory, these weights; others stay."""
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    network.load_state_dict(tensors, strict=False, assign=True)


def _load_from_timm(name: str, file: str, n_classes: int) -> Loaded:
    cfg = pretrained_cfg(name)
    if cfg["crop_mode"] != "center":
        raise BadInput(
            f"{printable(name)} was evaluated on whole photographs (crop mode "
            f"{cfg['crop_mode']}), not by ILSVRC's protocol; choose another network"
        )
    path = find_weights(name, file, cfg).path
    arrays = read_weights(path, shapes(name, n_classes), ())
    network = make_network(name, n_classes)
    restore(network, arrays)
    # some weights are evaluated on larger images than they were trained on
    crop_px = int((cfg.get("test_input_size") or cfg["input_size"])[1])
    crop_pct = cfg.get("test_crop_pct") or cfg["crop_pct"]
    # as timm evaluates it; `pretrained` takes 127 and 128, the TensorFlow original's
    return Loaded(
        network,
        tuple(255 * value for value in cfg["mean"]),
        tuple(255 * value for value in cfg["std"]),
        math.floor(crop_px / crop_pct),
        crop_px,
        cfg["interpolation"] == "bicubic",
        checksum(arrays),
    )
