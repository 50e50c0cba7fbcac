"""One array in a .npy file that anybody may have written."""

from __future__ import annotations

import math
import os
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.regular_file import open_regular

UNREADABLE = (OSError, ValueError, TypeError, EOFError, SyntaxError, TokenError)
VERSION = (1, 0)  # what np.save writes


def read_array(path: Path) -> NDArray[Any]:
    """The array; BadInput where its file is damaged or missing.

    A header may claim any shape, and numpy would reserve the memory for it: it is held
    against the size of the file first.
    """
    try:
        with open_regular(path) as file:
            version = npy.read_magic(file)
            if version != VERSION:
                raise ValueError(f"npy version {version}, expected {VERSION}")
            shape, _, dtype = npy.read_array_header_1_0(file)
            expected = file.tell() + math.prod(shape) * dtype.itemsize
            found = os.fstat(file.fileno()).st_size
            if found != expected:
                raise ValueError(f"{found:,} bytes, its header says {expected:,}")
            file.seek(0)
            return np.asarray(npy.read_array(file, allow_pickle=False))
    except UNREADABLE as error:
        raise BadInput(f"{path}: cannot be read ({error}); run it again") from None
