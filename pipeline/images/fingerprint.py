"""Fingerprints of arrays, images and settings."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.images.batches import LazyImages


def digest_array(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's type, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def fingerprint(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of named images, arrays and parameters with an exact repr."""
    parts = {name: _part(value) for name, value in values.items()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _part(value: Any) -> Any:
    """Represent a value in JSON; repr would abbreviate the arrays inside it."""
    if isinstance(value, np.ndarray):
        return digest_array(value)
    if isinstance(value, LazyImages):
        return value.digests
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return [type(value).__qualname__, _part(fields)]
    if isinstance(value, Mapping):
        return {repr(key): _part(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_part(item) for item in value]
    return repr(value)
