"""The same seed on another processor: its seconds, and how many answers differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import n_errors
from visbase.pipeline.storage.reading import Amount, Count
from visbase.pipeline.storage.tables import Row
from visbase.reports.charts import Chart
from visbase.reports.findings import Finding
from visbase.reports.measures import Runs

ORDER = 35
NAME = "processors"


class ProcessorRun(Row, frozen=True, kw_only=True):
    """A run of a seed that ran on several processors; differing: from the first one."""

    KEY = ("method", "seed", "cpu")
    method: str
    seed: Count
    cpu: str
    n_cores: Count
    commit: str
    fit_s: Amount
    predict_s: Amount
    errors: Count
    differing: Count

    @property
    def seconds(self) -> float:
        return self.fit_s + self.predict_s


COLUMNS = ProcessorRun.__struct_fields__
Pair = tuple[ProcessorRun, ProcessorRun]


def find(_folder: Path, _dataset: Dataset, runs: Sequence[Runs]) -> Finding | None:
    """Compare runs of the same seed; None if no seed ran on two processors."""
    pairs = [pair for one in runs for pair in _pairs(one)]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: -pair[0].errors)
    return Finding(
        name=NAME,
        title="The same seed on another processor",
        sentences=_sentences(pairs),
        charts=_charts(pairs, {one.method: one.family for one in runs}),
        columns=COLUMNS,
        rows=list(dict.fromkeys(run for pair in pairs for run in pair)),
        head=(
            *("method", "seed", "processors", "seconds to fit and predict"),
            *("errors", "answers that differ"),
        ),
        table=[
            (
                *(first.method, str(first.seed), f"{_name(first)} and {_name(other)}"),
                f"{first.seconds:,.0f} and {other.seconds:,.0f}",
                f"{first.errors} and {other.errors}",
                str(other.differing),
            )
            for first, other in pairs
        ],
    )


def _pairs(runs: Runs) -> list[Pair]:
    """The first run of each seed with each repetition elsewhere."""
    return [
        (_run(runs, i, i), _run(runs, j, i))
        for i in runs.first_of_seeds
        for j in runs.good
        if j != i and runs.records[j].seed == runs.records[i].seed
    ]


def _run(runs: Runs, at: int, first: int) -> ProcessorRun:
    record = runs.records[at]
    answers = runs.predictions[at][1]
    return ProcessorRun(
        method=runs.method,
        seed=record.seed,
        cpu=record.cpu,
        n_cores=record.n_cores,
        commit=record.commit or "",
        fit_s=record.fit_s or 0.0,
        predict_s=record.predict_s or 0.0,
        errors=n_errors(*runs.predictions[at]),
        differing=int(np.count_nonzero(answers != runs.predictions[first][1])),
    )


def _sentences(pairs: Sequence[Pair]) -> list[str]:
    """Total seconds, and the largest difference, of every two processors."""
    lines = []
    for names in sorted({tuple(map(_name, pair)) for pair in pairs}):
        own = [pair for pair in pairs if tuple(map(_name, pair)) == names]
        first_s, other_s = (
            sum(run.seconds for run in side) for side in zip(*own, strict=True)
        )
        worst = max((other for _, other in own), key=lambda run: run.differing)
        lines.append(
            f"{len(own)} run{'s' * (len(own) > 1)} took {first_s / 60:.0f} minutes in "
            f"total on {names[0]} and {other_s / 60:.0f} on {names[1]}. At most "
            f"{worst.differing} answers differ ({worst.method})."
        )
    if any(first.commit != other.commit for first, other in pairs):
        lines.append(
            "Some runs of the same seed were made by different versions of the code, "
            "which changes answers and seconds as well."
        )
    return lines


def _charts(pairs: Sequence[Pair], families: dict[str, str]) -> list[Chart]:
    """The seconds on one processor against those on another, for every two."""
    rows: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for first, other in pairs:
        if first.seconds and other.seconds:  # of a majority vote they are 0
            point = {"x": first.seconds, "y": other.seconds}
            names = {"method": first.method, "family": families[first.method]}
            rows.setdefault((_name(first), _name(other)), []).append(names | point)
    title = "Seconds to fit and predict on two processors"
    return [
        Chart("points", title, f"{x} (s)", f"{y} (s)", points, log="xy")
        for (x, y), points in rows.items()
    ]


def _name(run: ProcessorRun) -> str:
    return run.cpu.replace("(R)", "").removesuffix(" Processor")
