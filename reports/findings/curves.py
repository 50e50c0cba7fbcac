"""Learning curves: from how many training images is a network worth it?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import error_pct, t_interval
from visbase.pipeline.experiments.measured import CurvePoint
from visbase.reports.charts import ERROR, INTERVAL, Chart, known
from visbase.reports.findings import Finding, families, read_evidence, tables
from visbase.reports.measures import Runs

ORDER = 10
NAME = "curves"
COLUMNS = CurvePoint.__struct_fields__
Rows = Sequence[CurvePoint]


@dataclass(frozen=True)
class Crossover:
    """Number of training images above which a network wins, with its 95 % interval.

    0 if it wins at every size measured, infinity if it loses at the largest.
    """

    n_train: float
    low: float
    high: float


def find(folder: Path, dataset: Dataset, _runs: Sequence[Runs]) -> Finding | None:
    """Read curves/<dataset>/<method>.csv in the reports' folder."""
    return curves_finding(folder / "curves", dataset.name)


def curves_finding(folder: Path, dataset: str) -> Finding | None:
    """Read <dataset>/<method>.csv; None if nothing was measured."""
    rows = [
        row
        for path in tables(folder / dataset)
        for row in read_evidence(path, CurvePoint)
    ]
    if not rows:
        return None
    curves = {name: _intervals(rows, name) for name in _methods(rows)}
    return Finding(
        name=NAME,
        title="Test error against number of training images",
        sentences=sentences(rows),
        charts=[
            Chart(
                "lines",
                "Test error after training on a part of the images",
                "number of training images",
                f"{ERROR} {INTERVAL}",
                [
                    {
                        "method": name,
                        "family": families(rows)[name],
                        "x": size,
                        "y": mean,
                        "low": known(low),
                        "high": known(high),
                    }
                    for name, curve in curves.items()
                    for size, (mean, low, high) in curve.items()
                ],
                log="xy",
            )
        ],
        columns=COLUMNS,
        rows=rows,
        head=("training images", *curves),
        table=_table(curves),
    )


def sentences(rows: Rows) -> list[str]:
    """Say which methods win, and where curves cross, from the rows of the CSV file."""
    lines, of_family = [_extremes(rows)], families(rows)
    classical = _best_classical(rows)
    for network in _methods(rows):
        if classical is None or of_family[network] != "network":
            continue
        if len(_paired(rows, network, classical)[0]):
            lines.append(_crossing(rows, network, classical))
        else:
            lines.append(
                f"Where {network} overtakes {classical} is unknown: no number of "
                "training images was measured with at least two seeds of both."
            )
    return lines


def _best_classical(rows: Rows) -> str | None:
    """Return the classical method with the lowest error at their largest size."""
    ours = [row for row in rows if row.family == "classical"]
    largest = max((row.n_train for row in ours), default=0)
    curves = {name: _intervals(ours, name) for name in _methods(ours)}
    errors = {name: of[largest][0] for name, of in curves.items() if largest in of}
    return min(errors, key=errors.__getitem__, default=None)


def crossover(rows: Rows, network: str, classical: str) -> Crossover:
    """Find where the mean errors cross, and where the bounds of their log ratio do.

    At each size, the log ratio of the mean errors has a 95 % interval: Student's t with
    the jackknife standard error (Efron & Stein 1981) over the seeds, whose training
    subsets both methods share. The sizes at which this interval contains 0 form the
    interval of the crossover.
    """
    sizes, ours, theirs = _paired(rows, network, classical)
    gaps = [_log_ratio(*pair) for pair in zip(ours, theirs, strict=True)]
    bounds = np.array(gaps).T
    middle, low, high = (crossing(sizes, line) for line in bounds)
    return Crossover(middle, low, high)


def crossing(sizes: NDArray[np.float64], gap: NDArray[np.float64]) -> float:
    """Find the size from which the gap (s,) stays below 0; sizes (s,) ascend.

    The gap is interpolated linearly in the logarithm of the size. Returns 0 if it is
    below 0 at every size, infinity if it is not at the largest.
    """
    behind = np.flatnonzero(gap >= 0)
    if not len(behind):
        return 0.0
    last = int(behind[-1])
    if last == len(sizes) - 1:
        return math.inf
    part = gap[last] / (gap[last] - gap[last + 1])
    step = math.log(sizes[last + 1] / sizes[last])
    return float(sizes[last] * math.exp(part * step))


def _log_ratio(
    ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the log ratio of the mean errors of at least two seeds, and its bounds."""
    from scipy.stats import t

    def ratio(kept: NDArray[np.bool_]) -> float:
        least = 1e-9  # the logarithm of no errors at all would be infinite
        mean, other = ours[kept].mean(), theirs[kept].mean()
        return math.log(max(mean, least)) - math.log(max(other, least))

    n = len(ours)
    without = np.array([ratio(np.arange(n) != left) for left in range(n)])
    error = math.sqrt((n - 1) * without.var())
    middle, half = ratio(np.ones(n, bool)), float(t.ppf(0.975, n - 1)) * error
    return middle, middle - half, middle + half


def _paired(
    rows: Rows, network: str, classical: str
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Return the sizes (s,) that share at least two seeds, and both methods' errors.

    A size measured with a single seed has no spread and is left out.
    """
    ours, theirs = _errors(rows, network), _errors(rows, classical)
    common = {n: sorted(ours[n].keys() & theirs[n].keys()) for n in ours if n in theirs}
    sizes = sorted(n for n, seeds in common.items() if len(seeds) >= 2)
    return (
        np.array(sizes, np.float64),
        [np.array([ours[n][seed] for seed in common[n]]) for n in sizes],
        [np.array([theirs[n][seed] for seed in common[n]]) for n in sizes],
    )


def _errors(rows: Rows, method: str) -> dict[int, dict[int, float]]:
    """Return a method's errors in percent: training images -> seed -> error."""
    errors: dict[int, dict[int, float]] = {}
    for row in rows:
        if row.method == method:
            error = error_pct(row.n_errors, row.n_test)
            errors.setdefault(row.n_train, {})[row.seed] = error
    return errors


def _intervals(rows: Rows, method: str) -> dict[int, tuple[float, float, float]]:
    """Return training images -> mean error, lower and upper bound, sizes ascending."""
    errors = {n: list(seeds.values()) for n, seeds in _errors(rows, method).items()}
    return {
        size: (float(np.mean(errors[size])), *t_interval(errors[size]))
        for size in sorted(errors)
    }


def _methods(rows: Rows) -> list[str]:
    return sorted({row.method for row in rows})


def _extremes(rows: Rows) -> str:
    """Compare the two best methods at the smallest and at the largest size."""
    means = {name: _intervals(rows, name) for name in _methods(rows)}
    parts = []
    sizes = [size for curve in means.values() for size in curve]
    for size in sorted({min(sizes), max(sizes)}):
        ranked = sorted(
            (curve[size][0], name) for name, curve in means.items() if size in curve
        )
        error, best = ranked[0]
        text = f"With {size:,} training images, {best} has the lowest error "
        text += f"({error:.2f} %)"
        if len(ranked) > 1:
            error, second = ranked[1]
            text += f", ahead of {second} ({error:.2f} %)"
        parts.append(text + ".")
    return " ".join(parts)


def _crossing(rows: Rows, network: str, classical: str) -> str:
    cross = crossover(rows, network, classical)
    sizes, *_ = _paired(rows, network, classical)
    smallest, largest = int(sizes[0]), int(sizes[-1])

    def bound(n: float) -> str:
        if n == 0:
            return f"fewer than {smallest:,}"
        return f"more than {largest:,}" if math.isinf(n) else f"{_rounded(n):,}"

    bounds = dict.fromkeys((bound(cross.low), bound(cross.high)))  # drops a duplicate
    interval = f"95 % interval: {' to '.join(bounds)}"
    if cross.n_train == 0:
        text = f"{network} beats {classical} at every size measured"
    elif math.isinf(cross.n_train):
        text = (
            f"{network} is not seen to overtake {classical} with up to {largest:,} "
            "training images, the largest size with several seeds"
        )
    else:
        text = (
            f"{network} overtakes {classical} at about {_rounded(cross.n_train):,} "
            "training images"
        )
    return f"{text} ({interval})."


def _rounded(n: float) -> int:
    """Round to two significant digits; more would be noise."""
    digits = math.floor(math.log10(n)) - 1
    return int(round(n, -digits)) if digits > 0 else round(n)


def _table(
    curves: dict[str, dict[int, tuple[float, float, float]]],
) -> list[tuple[str, ...]]:
    sizes = sorted({size for curve in curves.values() for size in curve})
    return [
        (f"{size:,}", *(_cell(curve.get(size)) for curve in curves.values()))
        for size in sizes
    ]


def _cell(point: tuple[float, float, float] | None) -> str:
    """Format a mean, with its interval if there are several seeds."""
    if point is None:
        return ""
    mean, low, high = point
    return f"{mean:.2f}" + ("" if math.isnan(low) else f" ({low:.2f} to {high:.2f})")
