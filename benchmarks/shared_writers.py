"""How optimistic a validation error is if its writers wrote training digits as well.

    python -m benchmarks.shared_writers

The last 10,000 training digits of MNIST chose settings for a long time. All 250
students wrote some of them and some of the others: 4,080 of the 10,000 are by writers
of the others. Here half of the students are held out, and every method is scored on
half of their digits after training on two sets of the same size: digits by the other
students and the employees, or the same with some of the other students' digits replaced
by the other half. Writes shared_writers.csv, whose methods are not measured again, and
shared_writers.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Split, Writers, take
from visbase.pipeline.evaluation.bootstrap import cluster_interval
from visbase.pipeline.experiments import provenance
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.storage.atomic import atomic_write
from visbase.pipeline.storage.tables import Row, read_rows, write_rows

METHODS = {  # method -> preset and number of seeds
    "linear": ("full", 1),
    "svm_rbf": ("full", 1),
    "bovw_grid": ("full", 3),
    "lenet5": ("full", 3),
    "convnet": ("quick", 3),
}
TABLE = Path(__file__).with_suffix(".csv")
HEAD = (
    "| method | preset, seeds | writers unknown (%) | writers known (%) | optimism "
    "(points) | 95 % interval over writers | of the last 10,000 (points) |\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n"
)
Rows = NDArray[np.int64]  # positions of training digits


class Optimism(Row, frozen=True, kw_only=True):
    """Validation errors in percent, mean over seeds, and their difference in points.

    low and high: the 95 % interval of the difference over writers.
    """

    KEY = ("method",)
    method: str
    preset: str
    n_seeds: int
    n_train: int
    n_validation: int
    unknown_pct: float
    known_pct: float
    low: float
    high: float
    cpu: str
    commit: str

    @property
    def optimism(self) -> float:
        return self.unknown_pct - self.known_pct


def main() -> None:
    train = load_dataset("mnist").train
    rows = read_rows(TABLE, Optimism)
    done = {(row.method, row.preset, row.n_seeds) for row in rows}
    for name in (name for name in METHODS if (name, *METHODS[name]) not in done):
        row = measured(name, train)
        print(row)
        rows = [old for old in rows if old.method != name]
        rows = sorted([*rows, row], key=lambda row: -row.unknown_pct)
        write_rows(TABLE, Optimism, rows)
    with atomic_write(TABLE.with_suffix(".md")) as file:
        file.write(to_markdown(rows, share_of_last(train)).encode())


def draw(writers: Writers) -> tuple[Rows, Rows, Rows]:
    """Draw digits: to validate, and to train on without and with their writers."""
    rng = np.random.default_rng(0)
    students = np.unique(writers.ids[writers.groups == "students"])
    held_out = rng.permutation(students)[: len(students) // 2]
    is_held_out = np.isin(writers.ids, held_out)
    validation, known = np.array_split(rng.permutation(np.flatnonzero(is_held_out)), 2)
    others = np.flatnonzero(~is_held_out)
    by_students = others[writers.groups[others] == "students"]
    replaced = rng.choice(by_students, len(known), replace=False)
    with_known = np.union1d(np.setdiff1d(others, replaced), known)
    return np.sort(validation), others, with_known


def measured(name: str, train: Split) -> Optimism:
    """Train a method on both sets, with every seed, and compare its errors."""
    assert train.writers is not None
    method, (preset, n_seeds) = find_method(name), METHODS[name]
    config = method.presets("digits")[preset]
    rows, *sets = draw(train.writers)
    validation, wrong = take(train, rows), []
    for part in (take(train, one) for one in sets):
        predictions = []
        for seed in range(n_seeds):
            model = method.build(config, seed)
            model.fit(part.images, part.labels)
            predictions.append(model.predict(validation.images))
        wrong.append(np.mean(np.stack(predictions) != validation.labels, axis=0))
    unknown, known = (100 * values for values in wrong)
    low, high = cluster_interval(unknown - known, train.writers.ids[rows])
    return Optimism(
        method=name,
        preset=preset,
        n_seeds=n_seeds,
        n_train=len(sets[0]),
        n_validation=len(rows),
        unknown_pct=round(float(unknown.mean()), 3),
        known_pct=round(float(known.mean()), 3),
        low=round(low, 3),
        high=round(high, 3),
        cpu=f"{provenance.cpu()}, {provenance.n_cores()} cores",
        commit=provenance.revision(),
    )


def share_of_last(train: Split) -> float:
    """Return the share of the last 10,000 digits by writers of the others."""
    assert train.writers is not None
    ids = train.writers.ids
    return float(np.isin(ids[50_000:], ids[:50_000]).mean())


def to_markdown(rows: list[Optimism], of_last: float) -> str:
    """Return the table, with what was measured; of_last: see `share_of_last`."""
    lines = [
        f"| `{row.method}` | {row.preset}, {row.n_seeds} | {row.unknown_pct:.2f} "
        f"| {row.known_pct:.2f} | {row.optimism:+.2f} | {row.low:+.2f} to "
        f"{row.high:+.2f} | {of_last * row.optimism:+.2f} |\n"
        for row in rows
    ]
    first, machines = rows[0], sorted({row.cpu for row in rows})
    return (
        "# How optimistic was validation by position?\n\n"
        "Written by `python -m benchmarks.shared_writers`. Error on "
        f"{first.n_validation:,} digits by half of the students, after training on "
        f"{first.n_train:,} other digits of MNIST's training set: with none by these "
        "students, or with as many of their other digits in place of digits by other "
        "students. "
        "Optimism is the difference. Until now, settings were chosen on the last "
        f"10,000 training digits, {100 * of_last:.1f} % of which are by writers of "
        "others, nearly all of them students; the last column is this share of the "
        f"optimism. Measured on: {'; '.join(machines)}.\n\n" + HEAD + "".join(lines)
    )


if __name__ == "__main__":
    main()
