"""What a method has learned, as named arrays: joined, taken apart, checked.

A method gives its arrays to be saved and takes them back from a file that anybody may
have written, so that names, types and shapes are checked before they are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.cache import Arrays


def join_parts(parts: Mapping[str, Arrays]) -> Arrays:
    """Arrays of several parts under one roof: "svm" and "rows" become "svm.rows"."""
    return {
        f"{part}.{name}": array
        for part, arrays in parts.items()
        for name, array in arrays.items()
    }


def split_parts(arrays: Arrays, parts: Iterable[str]) -> dict[str, Arrays]:
    """The reverse of join_parts; BadInput where a name belongs to none of the parts."""
    found: dict[str, Arrays] = {part: {} for part in parts}
    for full_name, array in arrays.items():
        part, _, name = full_name.partition(".")
        if part not in found:
            raise BadInput(f"array {full_name!r} is not one of this method's")
        found[part][name] = array
    return found


def check_layout(arrays: Arrays, layout: Mapping[str, str]) -> dict[str, int]:
    """Compare arrays with what is expected; returns the size of each axis by its name.

    layout: name -> type and axes, such as "float32 s d"; an axis has one size wherever
    its name stands, and where a number stands, that size. Raises BadInput on a missing
    or unexpected array, a type or shape that disagrees, NaN and infinity.
    """
    for name in layout.keys() ^ arrays.keys():
        fault = "is missing" if name in layout else "is not one of this method's"
        raise BadInput(f"array {name!r} {fault}")
    sizes: dict[str, int] = {}
    for name, text in layout.items():
        kind, *axes = text.split()
        array = arrays[name]
        fits = array.dtype == np.dtype(kind) and array.ndim == len(axes)
        for axis, size in zip(axes, array.shape, strict=False):
            expected = int(axis) if axis.isdigit() else sizes.setdefault(axis, size)
            fits = fits and size == expected
        if not fits:
            known = [str(sizes.get(axis, axis)) for axis in axes]
            raise BadInput(
                f"array {name!r}: expected {kind} of shape ({', '.join(known)}), found "
                f"{array.dtype} of shape ({', '.join(map(str, array.shape))})"
            )
        if not np.isfinite(array).all():
            raise BadInput(f"array {name!r} holds NaN or infinity")
    return sizes
