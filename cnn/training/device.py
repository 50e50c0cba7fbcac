"""Where tensors live, and how several processes share the training of one network."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist

from visbase.pipeline.errors import BadEnvironment, printable


def choose_device() -> torch.device:
    """The device named by VISBASE_DEVICE; by default the fastest one there is.

    Under torchrun each process takes the CUDA device of its local rank. Raises BadInput
    where the named one is not there.
    """
    wanted = os.environ.get("VISBASE_DEVICE") or "auto"
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        wanted = next(name for name, found in there.items() if found)
    if not there.get(wanted, False):
        found = ", ".join(name for name in there if there[name])
        raise BadEnvironment(f"no device {wanted!r} here; there is: {found}")
    if wanted == "cuda":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device(wanted)


def device_name(device: torch.device) -> str:
    """The device for a record: its type, on CUDA its model as well."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for products of bfloat16 numbers.

    Elsewhere they would be emulated, slower than float32. Intel's AVX512-BF16 alone
    does not count: products took 1.8 times as long as in float32 on a Xeon without AMX.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    there = torch.cpu.get_capabilities()
    whole_width = there.get("avx512_bf16") and "Intel" not in str(there["cpu_name"])
    return device.type == "cpu" and bool(there.get("amx_bf16") or whole_width)


def n_processes() -> int:
    """Processes that train together: those that torchrun started, else one.

    Raises BadInput where WORLD_SIZE is no number from 1 on.
    """
    value = os.environ.get("WORLD_SIZE", "1")
    if not value.isdecimal() or int(value) == 0:
        raise BadEnvironment(
            f"WORLD_SIZE={printable(value)}: expected the number of processes, as "
            "torchrun sets it; unset it"
        )
    return int(value)


def join_processes(device: torch.device) -> int:
    """This process's rank; the processes can talk to each other after this call.

    Raises BadInput where WORLD_SIZE asks for several and torchrun did not start them.
    """
    if n_processes() == 1:
        return 0
    if not dist.is_initialized():
        try:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        except ValueError as error:
            raise BadEnvironment(
                f"WORLD_SIZE={n_processes()}: the processes cannot meet ({error}); "
                "start them with torchrun"
            ) from None
    return dist.get_rank()
