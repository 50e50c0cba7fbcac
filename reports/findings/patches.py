"""What a neuron sees: the parts of test images that excite it most, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured.demonstrations import Patch
from visbase.reports.charts import Chart, Picture
from visbase.reports.findings import Finding, machine, read_evidence
from visbase.reports.measures import Runs

ORDER = 81
NAME = "patches"
COLUMNS = Patch.__struct_fields__
ZOOMED_PX = 40  # about the side of a patch on the screen
Layers = dict[tuple[str, int], list[Patch]]  # method, layer -> patches


def find(folder: Path, dataset: Dataset, _runs: Sequence[Runs]) -> Finding | None:
    """Read demonstrations/<dataset>/patches.csv in the reports' folder."""
    table = folder / "demonstrations" / dataset.name / "patches.csv"
    rows = read_evidence(table, Patch)
    if not rows:
        return None
    test = dataset.test
    if max(row.image for row in rows) >= len(test):
        raise BadInput(
            f"{table}: expected patches of the {len(test)} test images of "
            f"{dataset.name}, found one of image {max(row.image for row in rows)}; "
            "run `make lecture` again"
        )
    rows.sort(key=lambda row: (row.method, row.layer, row.neuron, row.rank))
    layers = {
        key: list(group)
        for key, group in groupby(rows, lambda row: (row.method, row.layer))
    }
    return Finding(
        name=NAME,
        title="What a neuron sees: the patches of test images that excite it most",
        sentences=[*sentences(layers, test), machine(rows[0])],
        charts=[
            Chart(
                "lines",
                "Different classes among the patches of a neuron (mean of the layer)",
                "layer",
                "classes",
                [
                    {"method": method, "x": layer, "y": n_classes(patches, test)}
                    for (method, layer), patches in layers.items()
                ],
            )
        ],
        columns=COLUMNS,
        rows=rows,
        head=("network", "layer", "kind", "one output sees", "classes per neuron"),
        table=[
            (
                method,
                str(layer),
                patches[0].kind,
                _seen(patches[0]),
                f"{n_classes(patches, test):.1f}",
            )
            for (method, layer), patches in layers.items()
        ],
        section="lecture",
        pictures=[picture(patches, test) for patches in layers.values()],
    )


def sentences(layers: Layers, test: Split) -> list[str]:
    """Compare the first layer of each network with its last."""
    lines = []
    for method in dict.fromkeys(method for method, _ in layers):
        own = [patches for (name, _), patches in layers.items() if name == method]
        n_patches = max(patch.rank for patch in own[0])
        first, last = (n_classes(patches, test) for patches in (own[0], own[-1]))
        sides = [patches[0].field_px for patches in own if patches[0].field_px]
        grown = ", then ".join(f"{side} x {side}" for side in sides)
        lines.append(
            f"An output of {method} sees {grown} pixels, layer by layer, and in fully "
            f"connected layers the whole image. The {n_patches} patches that excite a "
            f"neuron most come from {first:.1f} different classes in the first layer "
            f"and from {last:.1f} in the last (mean over the neurons shown)."
        )
    return lines


def n_classes(patches: Sequence[Patch], test: Split) -> float:
    """Count the classes among each neuron's patches; the mean over neurons."""
    classes: dict[int, set[int]] = {}
    for patch in patches:
        classes.setdefault(patch.neuron, set()).add(int(test.labels[patch.image]))
    return sum(map(len, classes.values())) / len(classes)


def picture(patches: Sequence[Patch], test: Split) -> Picture:
    """Show the patches of a layer, a row per neuron, black where the image ends."""
    tiles = np.stack([cut(np.asarray(test.images[p.image]), p) for p in patches])
    first = patches[0]
    return Picture(
        f"{first.method}, layer {first.layer} ({first.kind}): each output sees "
        f"{_seen(first)}; a row per neuron",
        tiles,
        max(patch.rank for patch in patches),
        max(1, ZOOMED_PX // tiles.shape[2]),
    )


def cut(image: NDArray[np.uint8], patch: Patch) -> NDArray[np.uint8]:
    """Cut a patch out of its image (h, w[, 3]), with zeros where the image ends."""
    side = patch.field_px
    if not side:
        return image
    padding = [(side, side), (side, side), *[(0, 0)] * (image.ndim - 2)]
    top, left = patch.top + side, patch.left + side
    return np.pad(image, padding)[top : top + side, left : left + side]


def _seen(patch: Patch) -> str:
    side = patch.field_px
    return f"{side} x {side} pixels" if side else "the whole image"
