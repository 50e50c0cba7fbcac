"""Fail if the quick run of a method is too bad, or too good to be true."""

import sys
from pathlib import Path

from visbase.pipeline.experiments.records import (
    read_predictions,
    read_record,
    record_path,
)
from visbase.pipeline.models.methods import find_methods
from visbase.pipeline.storage import artifacts

# method -> lowest and highest accepted test error of its quick preset, in percent. The
# bounds enclose the error that the preset gave; an error below the lower bound is as
# suspicious as one above the upper bound.
GATES = {
    "majority": (88.6, 88.7),
    "linear": (7.0, 14.0),
    "svm_rbf": (1.3, 5.0),
    "svm_poly4": (0.9, 4.0),
    "svm_virtual": (0.5, 3.0),
    "mlp2": (1.3, 8.0),
    "mlp3": (1.0, 10.0),
    "lenet5": (0.8, 5.0),
    "lenet5_distorted": (0.8, 6.0),
    "resnet": (0.5, 6.0),
    "plain": (0.5, 10.0),
    "convnet": (0.4, 4.0),
    "committee": (0.4, 5.0),
    "bovw_sparse": (10.0, 22.0),
    "bovw_grid": (0.8, 4.0),
    "bovw_pyramid": (0.5, 1.6),
}


ANY = (0.1, 20.0)  # for methods that GATES does not list


def main() -> int:
    results: Path = artifacts() / "results" / "quick"
    n_failed = 0
    names = [n for n, method in find_methods().items() if "digits" in method.kinds]
    for name in names:
        path = record_path(results, "mnist", name, 0)
        record = read_record(path)
        read_predictions(path, record)
        low, high = GATES.get(name, ANY)
        error_pct = 100 * (record.n_test - (record.n_correct or 0)) / record.n_test
        good = low <= error_pct <= high
        n_failed += not good
        verdict = "ok" if good else "OUTSIDE THE GATE"
        print(f"{name}: {error_pct:.2f} %, gate {low} to {high}: {verdict}")
    print(f"{len(names) - n_failed} passed, {n_failed} failed")
    return n_failed


if __name__ == "__main__":
    sys.exit(main())
