"""timm's networks by name, without weights."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from visbase.cnn.imagenet.torchvision_networks import import_torchvision
from visbase.pipeline.errors import BadInput, printable


def _import_timm() -> ModuleType:
    import_torchvision()  # timm imports it too, but not beside any build of torch
    import timm

    return timm


timm: Any = _import_timm()


def make_network(name: str, n_classes: int = 0) -> nn.Module:
    """A network that maps (n, 3, h, w) to logits, without classes to pooled features.

    Raises BadInput if timm has no network of this name.
    """
    require_known(name)
    make = timm.create_model
    network: nn.Module = make(name, pretrained=False, num_classes=n_classes)
    return network.eval()


def shapes(name: str, n_classes: int = 0) -> dict[str, Tensor]:
    """The tensors of a network by name, which take no memory; BadInput if unknown."""
    with torch.device("meta"):
        return make_network(name, n_classes).state_dict()


def pretrained_cfg(name: str) -> dict[str, Any]:
    """What timm knows of the network's weights: input, licence, where they are."""
    require_known(name)
    try:
        return dict(timm.get_pretrained_cfg(name).to_dict())
    except RuntimeError:
        known = timm.list_pretrained(f"{name.partition('.')[0]}.*")
        raise BadInput(
            f"{printable(name[:60])}: timm has no weights of this name; choose from: "
            f"{', '.join(known)}"
        ) from None


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a .safetensors or .pth file; any error on a wrong file."""
    tensors: dict[str, Tensor] = timm.models.load_state_dict(
        str(path), use_ema=False, weights_only=True
    )
    return tensors


def is_known(name: str) -> bool:
    """Whether timm has a network of this name."""
    return bool(timm.is_model(name))


def require_known(name: str) -> None:
    if not is_known(name):
        raise BadInput(
            f"backbone {printable(name[:60])!r}: timm has no network of this name; "
            'list them by `python -c "from visbase.cnn.backbone.timm_networks import '
            'timm; print(timm.list_models())"`'
        )
