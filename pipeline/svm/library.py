"""Which library fits support vector machines here: the fastest that is installed."""

from __future__ import annotations

import importlib.util
from typing import Any


def svm_library() -> str:
    """The distribution whose SVC runs here: where the record's versions list it."""
    found = importlib.util.find_spec("sklearnex") is not None
    return "scikit-learn-intelex" if found else "scikit-learn"


def svc_class() -> Any:
    """The class SVC of that library."""
    if svm_library() == "scikit-learn-intelex":
        import sklearnex.svm

        return sklearnex.svm.SVC
    import sklearn.svm

    return sklearn.svm.SVC
