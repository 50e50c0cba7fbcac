"""The effect of each augmentation on a small training set, alone and left out.

LeNet-5 trains on N_TRAIN digits, distorted anew in every epoch; the errors are counted
on training digits by other writers. The lecture lists rotation by up to 180 degrees,
shifts, rescaling and mirroring; `training.augment` has the others.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from typing import Any

from visbase.cnn import lenet5
from visbase.cnn.training.augment import Distortion
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Split, take, validation_split
from visbase.pipeline.evaluation import n_errors
from visbase.pipeline.experiments.curve import subset
from visbase.pipeline.experiments.measured.demonstrations import AugmentationErrors
from visbase.pipeline.experiments.provenance import cpu, n_cores, revision
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.tables import write_rows

N_TRAIN = 1000
EPOCHS = 100
SEEDS = (0, 1, 2)
TABLE = ROOT / "reports" / "demonstrations" / "mnist" / "augmentation.csv"

NONE = Distortion(rotation=0, scale=0, shear=0, shift_px=0)
PARTS: dict[str, dict[str, Any]] = {  # the limits of `lenet5_distorted`
    "rotation": {"rotation": 0.15},
    "rescaling": {"scale": 0.1},
    "shear": {"shear": 0.15},
    "shift": {"shift_px": 1.2},
    "elastic distortion": {"elastic_px": 0.6},
}
OF_LECTURE: dict[str, dict[str, Any]] = {
    "rotation by any angle": {"rotation": math.pi},
    "mirroring": {"flip": True},
}
ALL = {name: limit for part in PARTS.values() for name, limit in part.items()}


def settings() -> dict[str, Distortion]:
    """What is compared: nothing, each part alone, all, and all without each part."""
    alone = {name: replace(NONE, **part) for name, part in (PARTS | OF_LECTURE).items()}
    left_out = {
        f"all but {name}": replace(
            NONE, **{k: v for k, v in ALL.items() if k not in part}
        )
        for name, part in PARTS.items()
    }
    return {"none": NONE, **alone, "all five": replace(NONE, **ALL), **left_out}


def measure(
    train: Split, validation: Split, name: str, seed: int, commit: str
) -> AugmentationErrors:
    """Train on a balanced subset that the seed chooses, and count the errors."""
    distortion = settings()[name]
    model = lenet5.build(replace(lenet5.PRESETS["full"], epochs=EPOCHS), seed)
    model.augment = None if distortion == NONE else distortion
    few = take(train, subset(train.labels, N_TRAIN, seed))
    started = time.perf_counter()
    model.fit(few.images, few.labels)
    seconds = time.perf_counter() - started
    wrong = n_errors(validation.labels, model.predict(validation.images))
    nothing = asdict(NONE)
    limits = {k: v for k, v in asdict(distortion).items() if v != nothing[k]}
    return AugmentationErrors(
        augmentation=name,
        limits=limits,
        seed=seed,
        n_train=N_TRAIN,
        n_errors=wrong,
        n_validation=len(validation),
        seconds=round(seconds, 1),
        cpu=cpu(),
        n_cores=n_cores(),
        commit=commit,
    )


def main() -> None:
    """Measure all settings with every seed and write the table."""
    commit = revision()
    train, validation = validation_split(load_dataset("mnist"), seed=0)
    rows = [
        measure(train, validation, name, seed, commit)
        for name in settings()
        for seed in SEEDS
    ]
    write_rows(TABLE, AugmentationErrors, rows)


if __name__ == "__main__":
    main()
