"""First-layer kernels of networks for colour images: brightness, colour and edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.reading import Amount, Count, listed, read_array
from visbase.pipeline.storage.tables import Row
from visbase.reports.charts import Picture
from visbase.reports.findings import Finding
from visbase.reports.measures import Runs

ORDER = 80
NAME = "kernels"
ZOOM = 16  # screen pixels per pixel of a kernel
LEAST = 1e-3  # energy; units that weight decay switched off have less than 1e-4
NOTHING = "nothing"


class KernelParts(Row, frozen=True, kw_only=True):
    """How a kernel's energy, the sum of its squared weights, divides among four parts.

    The parts are orthogonal: mean and differences over the colours, each of them again
    mean and differences over the positions.
    """

    KEY = ("network", "kernel")
    network: str
    kernel: Count
    energy: Amount
    brightness: Amount  # fractions of the energy
    brightness_edges: Amount
    colour: Amount
    colour_edges: Amount


COLUMNS = KernelParts.__struct_fields__
PARTS = COLUMNS[3:]


def find(
    folder: Path, _dataset: Dataset | None = None, _runs: Sequence[Runs] = ()
) -> Finding | None:
    """Read demonstrations/kernels/<network>.npy, whatever the dataset."""
    kernels = {path.stem: _read(path) for path in _arrays(folder)}
    if not kernels:
        return None
    rows = [row for name, of in kernels.items() for row in parts(name, of)]
    counts = {name: _counts(rows, name) for name in kernels}
    return Finding(
        name=NAME,
        title="First-layer kernels of a network trained on photographs",
        sentences=[_sentence(name, count) for name, count in counts.items()],
        charts=[],
        columns=COLUMNS,
        rows=rows,
        head=("network", "kernel pixels", *map(_spoken, PARTS), NOTHING),
        table=[
            (
                name,
                "{1} x {2}".format(*kernels[name].shape),
                *(str(count[_spoken(part)]) for part in PARTS),
                str(count[NOTHING]),
            )
            for name, count in counts.items()
        ],
        section="lecture",
        pictures=[
            Picture(
                f"{name}: kernels of the first layer, each scaled by its largest "
                "weight (grey: zero)",
                _equally_strong(of),
                16,
                ZOOM,
            )
            for name, of in kernels.items()
        ],
    )


def parts(network: str, kernels: NDArray[np.floating]) -> list[KernelParts]:
    """Divide the energy of kernels (n, h, w, 3); a row per kernel."""
    kernels = kernels.astype(np.float64)
    grey = np.broadcast_to(kernels.mean(3, keepdims=True), kernels.shape)
    pieces = []
    for of in (grey, kernels - grey):
        even = np.broadcast_to(of.mean((1, 2), keepdims=True), of.shape)
        pieces += [even, of - even]
    energies = np.stack([np.square(piece).sum((1, 2, 3)) for piece in pieces], axis=1)
    totals = energies.sum(1)
    shares = energies / np.maximum(totals, np.finfo(float).tiny)[:, None]
    return [
        KernelParts(
            network=network,
            kernel=i,
            energy=round(float(total), 4),
            **{part: round(float(v), 4) for part, v in zip(PARTS, share, strict=True)},
        )
        for i, (total, share) in enumerate(zip(totals, shares, strict=True))
    ]


def _counts(rows: Sequence[KernelParts], network: str) -> Counter[str]:
    """Count the kernels of a network by their largest part."""
    return Counter(
        NOTHING
        if row.energy < LEAST
        else _spoken(max(PARTS, key=lambda part: float(getattr(row, part))))
        for row in rows
        if row.network == network
    )


def _sentence(network: str, count: Counter[str]) -> str:
    common = [item for item in count.most_common() if item[0] != NOTHING]
    seen = [f"{n} mostly see{'s' * (n == 1)} {part}" for part, n in common]
    dead = f"; {count[NOTHING]} have weights near zero" if count[NOTHING] else ""
    return f"Of the {count.total()} kernels of {network}, {', '.join(seen)}{dead}."


def _equally_strong(kernels: NDArray[np.floating]) -> NDArray[np.float32]:
    """Divide each kernel by its largest weight, unless it has none to speak of.

    Batch normalisation follows, so that the strength of a kernel does not matter.
    """
    largest = np.abs(kernels.astype(np.float32)).max((1, 2, 3), keepdims=True)
    alive = np.square(kernels.astype(np.float32)).sum((1, 2, 3), keepdims=True) >= LEAST
    return np.where(alive, kernels / np.where(alive, largest, 1), 0).astype(np.float32)


def _spoken(part: str) -> str:
    return f"edges of {part.removesuffix('_edges')}" if "_" in part else part


def _arrays(folder: Path) -> list[Path]:
    return listed(folder / "demonstrations" / "kernels", "*.npy")


def _read(path: Path) -> NDArray[np.floating]:
    kernels = read_array(path)
    if kernels.dtype.kind != "f" or kernels.ndim != 4 or kernels.shape[-1] != 3:
        raise BadInput(
            f"{path}: expected kernels (n, h, w, 3), found {kernels.dtype} of shape "
            f"{kernels.shape}; run `make lecture` again"
        )
    return kernels
