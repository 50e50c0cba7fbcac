"""Errors by writer: which of the people and of their groups a method cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Family
from visbase.pipeline.datasets.splits import Dataset, Writers
from visbase.pipeline.evaluation import error_pct, wilson_interval
from visbase.pipeline.evaluation.bootstrap import cluster_interval
from visbase.pipeline.storage.reading import Amount, Count, Positive
from visbase.pipeline.storage.tables import Row
from visbase.reports.charts import ERROR, Chart
from visbase.reports.findings import Finding
from visbase.reports.measures import Runs

ORDER = 70
NAME = "writers"


class WriterErrors(Row, frozen=True, kw_only=True):
    """Test errors of a method on the images by one writer, mean over seeds."""

    KEY = ("method", "writer")
    method: str
    family: Family
    writer: Count
    group: str
    n_test: Positive
    error_pct: Amount


COLUMNS = WriterErrors.__struct_fields__
Wrong = dict[str, NDArray[np.float64]]  # method -> how often each image is wrong, (n,)


def find(_folder: Path, dataset: Dataset, runs: Sequence[Runs]) -> Finding | None:
    """Compare writers; None if the dataset does not name them or all runs failed."""
    wrong = {
        one.method: np.mean([np.not_equal(*one.predictions[i]) for i in one.good], 0)
        for one in runs
        if one.good
    }
    writers = dataset.test.writers
    if writers is None or not wrong:
        return None
    families = {one.method: one.records[0].family for one in runs}
    wrong = dict(sorted(wrong.items(), key=lambda item: -item[1].mean()))
    rows = _rows(wrong, families, writers)
    best = _best(wrong, runs)
    groups = np.unique(writers.groups).tolist()
    return Finding(
        name=NAME,
        title=f"Test error by the {len(np.unique(writers.ids))} writers",
        sentences=sentences(wrong, best, writers),
        charts=[_chart([row for row in rows if row.method in best])],
        columns=COLUMNS,
        rows=rows,
        head=(
            *("method", "error (%)", "Wilson's interval", "interval over writers"),
            *(f"{group} (%)" for group in groups),
            "writers without an error",
        ),
        table=[_line(name, wrong[name], writers, groups) for name in wrong],
        section=NAME,
    )


def sentences(wrong: Wrong, best: Sequence[str], writers: Writers) -> list[str]:
    """Say what the writers add to the table.

    best: the best method of each family, of the methods in `wrong`.
    """
    ratios = []
    for values in wrong.values():
        of_images = wilson_interval(values.sum(), len(values))
        of_writers = cluster_interval(values, writers.ids)
        ratios.append(np.diff(of_writers)[0] / np.diff(of_images)[0])
    lines = [
        f"Resampling whole writers instead of single images makes the 95 % intervals "
        f"{np.median(ratios):.1f} times as wide (median over methods)."
    ]
    if len(best) == 2:
        groups = np.unique(writers.groups).tolist()
        parts = [_compared(wrong, best, writers, group) for group in groups]
        lines.append(f"On the digits of {'; on those of '.join(parts)}.")
    for name in best:
        worst = np.sort(_by_writer(wrong[name], writers)[1])[::-1].cumsum()
        if not worst[-1]:
            continue
        half = int(np.searchsorted(worst, worst[-1] / 2)) + 1
        lines.append(
            f"Half of {name}'s errors are on the digits of {half} of {len(worst)} "
            f"writers; {_n_without(wrong[name], writers)} writers have none."
        )
    return lines


def _compared(wrong: Wrong, best: Sequence[str], writers: Writers, group: str) -> str:
    """Say which of the two best methods is better on a group's images, if any."""
    rows = writers.groups == group
    first, second = (wrong[name][rows] for name in best)
    ids = writers.ids[rows]
    low, high = (100 * end for end in cluster_interval(first - second, ids))
    verdict = (
        "the two are level" if low <= 0 <= high else f"{best[int(low > 0)]} is better"
    )
    return (
        f"the {len(np.unique(ids))} {group}, {best[0]} has an error of "
        f"{100 * first.mean():.2f} % and {best[1]} of {100 * second.mean():.2f} %: "
        f"{verdict} (95 % interval of the difference over writers: {low:.2f} to "
        f"{high:.2f} points)"
    )


def _best(wrong: Wrong, runs: Sequence[Runs]) -> list[str]:
    """Name the best classical method and the best network without foreign images."""
    names = []
    for family in ("classical", "network"):
        own = [
            one.method
            for one in runs
            if one.family == family
            and one.method in wrong
            and not one.records[0].pretrained
        ]
        names += [min(own, key=lambda name: wrong[name].mean())] if own else []
    return names


def _by_writer(
    values: NDArray[np.float64], writers: Writers
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.integer]]:
    """Sum values (n,) by writer: ids, sums and numbers of images, each (W,)."""
    ids, people = np.unique(writers.ids, return_inverse=True)
    sums = np.bincount(people, values).astype(np.float64)
    return ids, sums, np.bincount(people)


def _n_without(values: NDArray[np.float64], writers: Writers) -> int:
    return int(np.count_nonzero(_by_writer(values, writers)[1] == 0))


def _rows(
    wrong: Wrong, families: dict[str, Family], writers: Writers
) -> list[WriterErrors]:
    group_of = dict(zip(writers.ids.tolist(), writers.groups.tolist(), strict=True))
    return [
        WriterErrors(
            method=name,
            family=families[name],
            writer=int(writer),
            group=group_of[int(writer)],
            n_test=int(n),
            error_pct=round(error_pct(errors, n), 4),
        )
        for name, values in wrong.items()
        for writer, errors, n in zip(*_by_writer(values, writers), strict=True)
    ]


def _chart(rows: Sequence[WriterErrors]) -> Chart:
    """Draw the errors of writers that have any, in a panel per group."""
    lines: dict[tuple[str, str], list[WriterErrors]] = {}
    for row in sorted(rows, key=lambda row: -row.error_pct):
        lines.setdefault((row.group, row.method), []).append(row)
    return Chart(
        "lines",
        "Test error of each writer with an error, in a panel per group",
        "writers, highest error first",
        ERROR,
        [
            {
                "method": method,
                "family": row.family,
                "panel": group,
                "x": rank,
                "y": row.error_pct,
            }
            for (group, method), line in sorted(lines.items())
            for rank, row in enumerate(line, 1)
            if row.error_pct or rank == 1
        ],
    )


def _line(
    name: str, values: NDArray[np.float64], writers: Writers, groups: Sequence[str]
) -> tuple[str, ...]:
    intervals = (
        wilson_interval(values.sum(), len(values)),
        cluster_interval(values, writers.ids),
    )
    return (
        name,
        f"{100 * values.mean():.2f}",
        *(f"{100 * low:.2f} to {100 * high:.2f}" for low, high in intervals),
        *(f"{100 * values[writers.groups == group].mean():.2f}" for group in groups),
        str(_n_without(values, writers)),
    )
