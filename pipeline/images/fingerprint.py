"""The one place that fingerprints data: arrays, images, and settings beside them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import LazyImages


def digest_array(array: NDArray[Any]) -> str:
    """SHA-256 of an array's type, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def fingerprint(values: Mapping[str, Any]) -> str:
    """SHA-256 of named values: images, labels, parameters with a faithful repr."""
    parts = {name: _part(value) for name, value in values.items()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _part(value: Any) -> Any:
    """A faithful text of a value, as JSON; repr would shorten the arrays inside one."""
    if isinstance(value, np.ndarray):
        return digest_array(value)
    if isinstance(value, LazyImages):
        return value.digests
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return [type(value).__qualname__, _part(fields)]
    if isinstance(value, Mapping):
        return {repr(key): _part(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_part(one) for one in value]
    return repr(value)
