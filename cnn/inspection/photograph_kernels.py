"""First-layer kernels of a network that others trained on photographs, for the report.

The lecture shows AlexNet's. The weights of EfficientNet-lite0 are those that install.
"""

from __future__ import annotations

import numpy as np

from visbase.cnn.backbone.network import load_backbone
from visbase.cnn.backbone.weights import PACKAGED
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.atomic import write_named

FIRST = "conv_stem.weight"  # as timm calls it
FOLDER = ROOT / "reports" / "demonstrations" / "kernels"


def main() -> None:
    """Write the kernels (n, h, w, 3) as float16."""
    backbone, _ = load_backbone(PACKAGED, 0, "")
    kernels = np.moveaxis(backbone.arrays[FIRST], 1, 3)
    with write_named(FOLDER / f"{PACKAGED}.npy") as file:
        np.save(file, kernels.astype(np.float16))


if __name__ == "__main__":
    main()
