"""How far do classical features go against a CNN, on this data?

    from visbase import compare, load_dataset

    for row in compare(["bovw_grid", "lenet5"], load_dataset("mnist"), preset="quick"):
        print(row)

`load_dataset` finds labelled images, `compare` fits methods on them and counts their
errors, `load_model` opens a saved model, `BagOfVisualWords` and `FisherVectors` are
scikit-learn transformers, `evaluation` has every measure, `BadInput` is what is raised
for wrong input. docs/python.md shows each.
"""

from __future__ import annotations

# Nothing is imported here: `python -m visbase` has the working folder in its path until
# __main__ takes it out, and libraries take a second. Type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from visbase.estimators import BagOfVisualWords, FisherVectors
    from visbase.pipeline import evaluation
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.errors import BadInput
    from visbase.pipeline.experiments.compare import compare
    from visbase.pipeline.models.file import load_model

__all__ = [
    "BadInput",
    "BagOfVisualWords",
    "FisherVectors",
    "compare",
    "evaluation",
    "load_dataset",
    "load_model",
]

_HOMES = {
    "BadInput": "visbase.pipeline.errors",
    "BagOfVisualWords": "visbase.estimators",
    "FisherVectors": "visbase.estimators",
    "compare": "visbase.pipeline.experiments.compare",
    "load_dataset": "visbase.pipeline.datasets",
    "load_model": "visbase.pipeline.models.file",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and nothing before."""
    import importlib

    if name == "evaluation":
        return importlib.import_module("visbase.pipeline.evaluation")
    if name not in _HOMES:
        raise AttributeError(f"module 'visbase' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
