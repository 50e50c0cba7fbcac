"""torchvision's networks, beside any build of torch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch


def import_torchvision() -> ModuleType:
    """Import torchvision, of whose compiled operators no network makes use.

    PyPI's file for Linux is built for CUDA; beside the CPU build of torch the operators
    do not load, and the import then fails at two that it expects to exist.
    """
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor a, Tensor b, float c) -> Tensor")
        import_torchvision.kept = library  # type: ignore[attr-defined]
        import torchvision
    return torchvision


models: Any = import_torchvision().models
