"""The device of the tensors, and the processes that train one network together."""

from __future__ import annotations

import ctypes
import os
import platform
from contextlib import AbstractContextManager

import torch
import torch.distributed as dist

from visbase.pipeline.errors import BadEnvironment, BadInput, printable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def choose_device() -> torch.device:
    """The device named by VISBASE_DEVICE, by default the fastest available one.

    Under torchrun each process takes the CUDA device of its local rank. Raises
    BadEnvironment if the named device is not available.
    """
    is_available = {  # fastest first
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    available = [name for name in is_available if is_available[name]]
    name = os.environ.get("VISBASE_DEVICE") or "auto"
    if name == "auto":
        name = available[0]
    if name not in available:
        raise BadEnvironment(
            f"device {name!r} is not available; choose from: {', '.join(available)}"
        )
    if name == "cuda":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    if name == "cpu" and platform.libc_ver()[0] == "glibc":
        # Without this glibc asks the kernel for each tensor above 32 MiB anew, and page
        # by page: a step of `cuda_convnet` on 128 images took 58 ms instead of 47.
        glibc = ctypes.CDLL(None)
        glibc.mallopt(M_MMAP_THRESHOLD, 2**30)
        glibc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The device as a record names it: its type and, on CUDA, its model."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 numbers faster than float32.

    Without such instructions the products would be emulated, which is slower. Intel's
    AVX512-BF16 without AMX does not count: on a Xeon products took 1.8 times as long as
    in float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    cpu = torch.cpu.get_capabilities()
    fast_avx512 = cpu.get("avx512_bf16") and "Intel" not in str(cpu["cpu_name"])
    return device.type == "cpu" and bool(cpu.get("amx_bf16") or fast_avx512)


def n_processes() -> int:
    """Number of processes that train together: as started by torchrun, otherwise 1.

    Raises BadEnvironment if WORLD_SIZE is not a whole number of at least 1.
    """
    value = os.environ.get("WORLD_SIZE", "1")
    if not value.isdecimal() or int(value) == 0:
        raise BadEnvironment(
            f"WORLD_SIZE={printable(value)}: expected a number of processes, as set "
            "by torchrun; unset it"
        )
    return int(value)


def join_processes(device: torch.device) -> int:
    """Connect the processes that train together; returns the rank of this one.

    Raises BadEnvironment if WORLD_SIZE is above 1 but torchrun did not start them.
    """
    if n_processes() == 1:
        return 0
    if not dist.is_initialized():
        try:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        except ValueError as error:
            raise BadEnvironment(
                f"WORLD_SIZE={n_processes()}: the processes cannot be connected "
                f"({error}); start them with torchrun, or unset it"
            ) from None
    return dist.get_rank()


def from_first(value: torch.Tensor) -> float:
    """The value that the first of the processes has."""
    if n_processes() > 1:
        dist.broadcast(value, 0)
    return float(value)


def forked_rng(device: torch.device) -> AbstractContextManager[None]:
    """Restore the global random generators of a device afterwards, and use no other.

    torch's own function initialises every GPU of the machine.
    """
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def require_same_checkpoint(n_epochs: int, device: torch.device) -> None:
    """Raise BadInput if the processes have read different checkpoints."""
    gathered = [
        torch.zeros(1, dtype=torch.int64, device=device) for _ in range(n_processes())
    ]
    dist.all_gather(gathered, torch.tensor([n_epochs], device=device))
    epochs = [int(n) for n in gathered]
    if len(set(epochs)) > 1:
        raise BadInput(
            f"the processes have checkpoints of different epochs: {epochs}; give them "
            "one shared artifacts folder (VISBASE_ARTIFACTS), or delete the checkpoints"
        )
