"""How far do classical features go against a CNN, on this data?

    from visbase import compare

    compare("photos", quick=True).show()  # a folder with a folder of images per class

`compare` fits methods to photographs and writes a page, `load_dataset` loads labelled
images, `fit_and_score` fits methods and counts their errors, `load_model` opens a saved
model, `BagOfVisualWords` and `FisherVectors` are scikit-learn transformers,
`evaluation` has every measure, and `BadInput` is raised for invalid input.
docs/python.md shows how to use each.
"""

from __future__ import annotations

# Import lazily: `python -m visbase` has the working folder in its path until __main__
# removes it, and libraries take a second to load. Type checkers know TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from visbase.comparison import compare
    from visbase.estimators import BagOfVisualWords, FisherVectors
    from visbase.pipeline import evaluation
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.errors import BadInput
    from visbase.pipeline.experiments.fit_and_score import fit_and_score
    from visbase.pipeline.models.file import load_model

__all__ = [
    "BadInput",
    "BagOfVisualWords",
    "FisherVectors",
    "compare",
    "evaluation",
    "fit_and_score",
    "load_dataset",
    "load_model",
]

_MODULES = {
    "BadInput": "visbase.pipeline.errors",
    "BagOfVisualWords": "visbase.estimators",
    "FisherVectors": "visbase.estimators",
    "compare": "visbase.comparison",
    "fit_and_score": "visbase.pipeline.experiments.fit_and_score",
    "load_dataset": "visbase.pipeline.datasets",
    "load_model": "visbase.pipeline.models.file",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    import importlib

    if name == "evaluation":
        return importlib.import_module("visbase.pipeline.evaluation")
    if name not in _MODULES:
        raise AttributeError(f"module 'visbase' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
