"""Methods with settings that take little time."""

import dataclasses
import functools
import tempfile
from pathlib import Path
from typing import Any

from visbase.pipeline.contracts import Method
from visbase.pipeline.models.methods import MethodFile, find_methods

METHODS = find_methods()
N_TRAIN, N_TEST = 200, 60
# Fields that cost time, where a method has them; `copies` is 0 in quick presets.
SMALL = {"n_words": 40, "n_samples": 2000, "n_components": 40}
SMALL |= {"copies": 1, "epochs": 1, "n_epochs": 1, "size_px": 32}
SMALL |= {"width": 8, "maps": (8, 8, 8)}
FOLDER = tempfile.TemporaryDirectory()  # removed when the tests end


@functools.cache
def small_backbone() -> dict[str, str]:
    """A network of timm's with random weights, a sixth of the time of the default."""
    import torch
    from safetensors.torch import save_file

    from visbase.cnn.backbone.timm_networks import make_network

    name, weights = "test_efficientnet", Path(FOLDER.name) / "weights.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(make_network(name).state_dict(), weights)
    return {"backbone": name, "weights": str(weights)}


def small_config(method: MethodFile) -> Any:
    config = method.load().PRESETS["quick"]
    fields = {field.name for field in dataclasses.fields(config)}
    small = SMALL | (small_backbone() if "backbone" in fields else {})
    changes = {name: value for name, value in small.items() if name in fields}
    return dataclasses.replace(config, **changes)


def build_small(method: MethodFile, seed: int = 0) -> Method:
    return method.load().build(small_config(method), seed)
