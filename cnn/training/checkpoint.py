"""A network in training on disk, so that a killed run continues where it was.

One safetensors file: opening it runs no code. It holds the weights, while training
lasts the optimiser's state as well, and in its header the training history, the seconds
spent and a checksum.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor, nn

from visbase.pipeline.storage import spent
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.reading import open_regular


@dataclass(frozen=True)
class Epoch:
    """One line of a training history.

    loss: mean cross-entropy of the training batches; error_pct: of the same batches,
    distorted as they were seen; validation_pct: of held-out images, None where none
    are; rate: at the epoch's end; seconds: since training began.
    """

    loss: float
    error_pct: float
    validation_pct: float | None
    rate: float
    seconds: float


def write_checkpoint(
    path: Path,
    network: nn.Module,
    optimiser: torch.optim.Optimizer | None,
    history: list[Epoch],
) -> None:
    """Write the state after the last epoch; no optimiser: training is over."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    if optimiser is not None:
        for i, state in optimiser.state_dict()["state"].items():
            for key, value in state.items():
                if value is not None:
                    tensors[f"optimiser.{i}.{key}"] = torch.as_tensor(value)
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    epochs = json.dumps([dataclasses.asdict(epoch) for epoch in history])
    header = {
        "history": epochs,
        "peak_mb": str(spent.peak_rss_mb()),
        "sha256": _digest(tensors, epochs),
    }
    with atomic_write(path) as file:
        file.write(save(tensors, header))


def read_checkpoint(
    path: Path, network: nn.Module, optimiser: torch.optim.Optimizer
) -> list[Epoch]:
    """Put the state of a checkpoint into place and return its history.

    What was spent until then counts as spent by this run, see `cache`. The history is
    empty, and nothing is changed, where there is no checkpoint or it is damaged.
    """
    try:
        open_regular(path).close()  # safe_open would wait for a pipe
        with safetensors.safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            header = file.metadata()
        if header["sha256"] != _digest(tensors, header["history"]):
            raise ValueError("wrong checksum")
        history = [Epoch(**epoch) for epoch in json.loads(header["history"])]
        peak_mb = float(header["peak_mb"])
        weights = _part(tensors, "network.")
        if not history or _shapes(weights) != _shapes(network.state_dict()):
            raise ValueError("of another network")
    except FileNotFoundError:
        return []
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        safetensors.SafetensorError,
    ) as error:
        print(f"{path.name} is damaged ({error}); training anew", file=sys.stderr)
        return []
    network.load_state_dict(weights)
    parameters = list(network.parameters())
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimiser.").items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)].detach()
        if value.shape == parameter.shape:
            # in the parameter's order in memory: a fused step goes through both at once
            value = torch.empty_like(parameter).copy_(value)
        state.setdefault(int(index), {})[key] = value
    if state:
        optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
    spent.count_as_spent(history[-1].seconds, peak_mb)
    return history


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)
    }


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _digest(tensors: Mapping[str, Tensor], history: str) -> str:
    digest = hashlib.sha256(history.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        flat = tensors[name].contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
