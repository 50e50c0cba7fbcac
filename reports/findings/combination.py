"""Two methods together: what do they gain over the better one?"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, mcnemar_exact, n_errors
from visbase.pipeline.experiments.measured import (
    Combination,
    is_committed,
    read_combination,
)
from visbase.pipeline.storage.folder_lock import locked
from visbase.pipeline.storage.reading import listed
from visbase.reports.findings import Finding, Rows

ORDER = 40
NAME = "combination"
COLUMNS = (
    "first",
    "second",
    "answer",
    "n_errors",
    "n_test",
    "validation_errors",
    "n_validation",
    "weight_of_first",
    "better",  # of the two, by its errors on validation images
    "p_against_better",
)
SURE = 0.05


def find(folder: Path, dataset: Dataset) -> Finding | None:
    """From combination/<dataset>/<a>+<b>.json under the reports' folder."""
    place, truth = folder / "combination", dataset.test.labels
    return combination_finding(place, dataset.name, truth)


def combination_finding(
    folder: Path, dataset: str, truth: NDArray[np.int64]
) -> Finding | None:
    """From <dataset>/<a>+<b>.json; None where nothing was measured.

    truth (n_test,): labels of the test images, which must be the combinations' own.
    """
    place = folder / dataset
    # nobody writes one meanwhile
    with locked(place) if place.is_dir() else nullcontext():
        found = _read_all(place, dataset, truth)
    rows = [row for one in found for row in combination_rows(one)]
    if not rows:
        return None
    bars = {
        row["answer"]
        if row["answer"] in (row["first"], row["second"])
        else f"{row['first']} + {row['second']}: {row['answer']}": _error(row)
        for row in rows
    }
    return Finding(
        name=NAME,
        title="What two methods gain together",
        sentences=sentences(rows),
        svg=draw(bars, "test error, %", "none"),
        columns=COLUMNS,
        rows=rows,
        head=("methods", "answer", "test error %", "p against the better"),
        table=[
            (
                f"{row['first']} + {row['second']}",
                row["answer"],
                f"{_error(row):.2f}",
                row["p_against_better"],
            )
            for row in rows
        ],
    )


def draw(bars: dict[str, float], label: str, ground: str) -> str:
    """Horizontal bars by name, with their values."""
    import matplotlib.pyplot as plt  # slow to import

    from visbase.reports.figures import PUBLISHED, STYLE, svg_of

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 0.4 * len(bars) + 0.8))
        drawn = axes.barh(list(bars), list(bars.values()), color=PUBLISHED, height=0.6)
        axes.bar_label(drawn, fmt="%.2f", padding=3)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        return svg_of(figure, ground)


def _read_all(place: Path, dataset: str, truth: NDArray[np.int64]) -> list[Combination]:
    found = []
    for path in listed(place, "*+*.*"):
        if path.suffix == ".npy" and not path.with_suffix(".json").exists():
            raise BadInput(f"{path}: has no facts beside it; measure again")
        if path.suffix != ".json":
            continue
        one = read_combination(path)
        if not is_committed(one.facts.commit):
            raise BadInput(
                f"{path}: was measured by uncommitted code; commit, and measure again"
            )
        if not np.array_equal(one.truth, truth):
            raise BadInput(
                f"{path}: is of other test images than {dataset}'s; run `visbase "
                f"combine {' '.join(one.facts.methods)}` again"
            )
        found.append(one)
    return found


def sentences(rows: Rows) -> list[str]:
    """One for each pair of methods, from the rows of the CSV file alone."""
    found = []
    for first, second in sorted({(row["first"], row["second"]) for row in rows}):
        own = {
            row["answer"]: row
            for row in rows
            if (row["first"], row["second"]) == (first, second)
        }
        better = own[own["stacked"]["better"]]
        parts = []
        for name in ("weighted sum", "stacked"):
            row = own[name]
            gain = int(better["n_errors"]) - int(row["n_errors"])
            sure = float(row["p_against_better"]) < SURE
            parts.append(
                f"{'the ' if name == 'weighted sum' else ''}{name} "
                f"{f'saves {gain} of' if gain >= 0 else f'adds {-gain} to'} "
                f"{better['n_errors']} errors (p {row['p_against_better']}"
                f"{'' if sure else ', which may be chance'})"
            )
        found.append(
            f"{first} and {second}, put together on held-out images, against "
            f"{better['answer']}, the better there: {parts[0]}; {parts[1]}."
        )
    return found


def combination_rows(found: Combination) -> list[dict[str, str]]:
    """A row for each answer: the two methods' own and both together."""
    first, second = found.facts.methods
    better = min((first, second), key=lambda name: found.facts.validation_errors[name])
    return [
        {
            "first": first,
            "second": second,
            "answer": name,
            "n_errors": str(n_errors(found.truth, answers)),
            "n_test": str(len(answers)),
            "validation_errors": str(found.facts.validation_errors.get(name, "")),
            "n_validation": str(found.facts.n_validation),
            "weight_of_first": (
                f"{found.facts.weight:g}" if name == "weighted sum" else ""
            ),
            "better": better,
            "p_against_better": ""
            if name == better
            else f"{mcnemar_exact(found.truth, found.answers[better], answers):.2g}",
        }
        for name, answers in found.answers.items()
    ]


def _error(row: dict[str, str]) -> float:
    return error_pct(int(row["n_errors"]), int(row["n_test"]))
