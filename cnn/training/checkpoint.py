"""Checkpoints of a network in training, from which a killed run continues.

A checkpoint is one safetensors file, so opening it runs no code. It holds the weights
and, until training has ended, the state of the optimiser; its header holds the training
history, the peak memory and a checksum.
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


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training history.

    loss: mean cross-entropy of the training batches; error_pct: error on the same
    batches, distorted as in training; validation_pct: error on the held-out images,
    None without any; rate: learning rate at the end of the epoch; seconds: since
    training began.
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
    """Write the state after an epoch; without an optimiser if training has ended."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    if optimiser is not None:
        for i, state in optimiser.state_dict()["state"].items():
            for key, value in state.items():
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
    """Load the state of a checkpoint; returns its training history.

    The time and memory spent until then are counted for this run, see `spent`. If there
    is no checkpoint, or it is damaged, the history is empty and nothing is loaded.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            header = file.metadata()
        if header["sha256"] != _digest(tensors, header["history"]):
            raise ValueError("wrong checksum")
        history = [Epoch(**epoch) for epoch in json.loads(header["history"])]
        peak_mb = float(header["peak_mb"])
        weights = _part(tensors, "network.")
        if not history or _shapes(weights) != _shapes(network.state_dict()):
            raise ValueError("it belongs to another network")
    except FileNotFoundError:
        return []
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        safetensors.SafetensorError,
    ) as error:
        print(
            f"checkpoint {path.name} is damaged ({error}); training from scratch",
            file=sys.stderr,
        )
        return []
    network.load_state_dict(weights)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimiser.").items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)].detach()
        if value.shape == parameter.shape:
            # laid out in memory like the parameter, which a fused step requires
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
