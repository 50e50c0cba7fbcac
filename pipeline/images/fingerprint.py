"""The one place that fingerprints data: arrays, images, and settings beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
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


def _part(value: Any) -> str | list[str]:
    """A faithful text of a value; repr would shorten arrays inside a sequence."""
    if isinstance(value, np.ndarray):
        return digest_array(value)
    if isinstance(value, LazyImages):
        return value.digests
    if isinstance(value, Sequence) and value and isinstance(value[0], np.ndarray):
        return [digest_array(array) for array in value]
    return repr(value)
