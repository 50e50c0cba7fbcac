"""Learning curves: how many training images make a network worth it?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import error_pct, t_interval
from visbase.pipeline.experiments.measured import CurvePoint
from visbase.reports.findings import Finding, Rows, families, read_evidence, tables

ORDER = 10
NAME = "curves"
COLUMNS = CurvePoint.__struct_fields__

CLASSICAL = "bovw_pyramid"
NETWORKS = ("convnet", "lenet5")


@dataclass(frozen=True)
class Crossover:
    """Training images from which on a network errs less, with 95 % interval.

    0: at every size measured; infinity: at none.
    """

    n_train: float
    low: float
    high: float


def find(folder: Path, dataset: Dataset) -> Finding | None:
    """From curves/<dataset>/<method>.csv under the reports' folder."""
    return curves_finding(folder / "curves", dataset.name)


def curves_finding(folder: Path, dataset: str) -> Finding | None:
    """From <dataset>/<method>.csv; None where nothing was measured."""
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
        title="Test error against training images",
        sentences=sentences(rows),
        svg=draw(curves, families(rows), "none"),
        columns=COLUMNS,
        rows=rows,
        head=("training images", *curves),
        table=_table(curves),
    )


def draw(
    curves: dict[str, dict[int, tuple[float, float, float]]],
    families: dict[str, str],
    ground: str,
) -> str:
    """Error against training images: method -> size -> mean, low, high in percent."""
    import matplotlib.pyplot as plt  # slow to import

    from visbase.reports.figures import STYLE, line_styles, log_axis, svg_of

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 4.6))
        for name, style in line_styles(list(curves), families).items():
            sizes, values = list(curves[name]), np.array(list(curves[name].values()))
            values = np.maximum(values, 0.01)  # the axis has no zero
            axes.plot(sizes, values[:, 0], label=name, marker=".", **style)
            low, high = values[:, 1], values[:, 2]
            axes.fill_between(sizes, low, high, color=style["color"], alpha=0.15)
        axes.set_xscale("log")
        log_axis(axes, "y")
        axes.grid(visible=True)
        axes.set_xlabel("training images")
        axes.set_ylabel("test error, %, with 95 % interval")
        axes.legend(fontsize=8)
        return svg_of(figure, ground)


def sentences(rows: Rows) -> list[str]:
    """What the curves say, from the rows of the CSV file alone."""
    found, methods = [_extremes(rows)], _methods(rows)
    for network in NETWORKS:
        if len(_paired(rows, network, CLASSICAL)[0]):
            found.append(_crossing(rows, network))
        elif {network, CLASSICAL} <= set(methods):
            found.append(
                f"Where {network} overtakes {CLASSICAL} is not known: no size was "
                "measured with two seeds of both."
            )
    return found


def crossover(rows: Rows, network: str, classical: str) -> Crossover:
    """Where the mean errors cross, and where the bounds of their log ratio do.

    At each size the log ratio of the mean errors has a 95 % interval (Student's t, the
    jackknife's error of Efron & Stein 1981 over the seeds, whose subsets both methods
    share). The interval of the size holds those at which the ratio may be 1.
    """
    sizes, ours, theirs = _paired(rows, network, classical)
    gaps = [_log_ratio(*pair) for pair in zip(ours, theirs, strict=True)]
    bounds = np.array(gaps).T
    middle, low, high = (crossing(sizes, line) for line in bounds)
    return Crossover(middle, low, high)


def crossing(sizes: NDArray[np.float64], gap: NDArray[np.float64]) -> float:
    """Size from which on the gap (s,) stays below 0; sizes (s,) rise.

    Between two sizes it is taken as linear in the logarithm of the size. 0 where it is
    below at every size, infinity where not at the largest.
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
    """Of the means of errors (seeds,), at least two: it, its lower and upper bound."""
    from scipy.stats import t

    def ratio(kept: NDArray[np.bool_]) -> float:
        least = 1e-9  # no errors at all
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
    """Sizes (s,) of which both have two seeds or more, and at each both one's errors.

    A size measured with one seed has no spread and does not count.
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
    """Errors in percent by training images and seed."""
    found: dict[int, dict[int, float]] = {}
    for row in rows:
        if row["method"] == method:
            error = error_pct(int(row["n_errors"]), int(row["n_test"]))
            found.setdefault(int(row["n_train"]), {})[int(row["seed"])] = error
    return found


def _intervals(rows: Rows, method: str) -> dict[int, tuple[float, float, float]]:
    """Mean and 95 % interval by training images, rising."""
    errors = {n: list(one.values()) for n, one in _errors(rows, method).items()}
    return {
        size: (float(np.mean(errors[size])), *t_interval(errors[size]))
        for size in sorted(errors)
    }


def _methods(rows: Rows) -> list[str]:
    return sorted({row["method"] for row in rows})


def _extremes(rows: Rows) -> str:
    """Who is best at the smallest and at the largest size, and by how much."""
    means = {name: _intervals(rows, name) for name in _methods(rows)}
    parts = []
    sizes = [size for curve in means.values() for size in curve]
    for size in sorted({min(sizes), max(sizes)}):
        ranked = sorted(
            (curve[size][0], name) for name, curve in means.items() if size in curve
        )
        text = f"With {size:,} training images {ranked[0][1]} errs least, "
        text += f"{ranked[0][0]:.2f} %"
        if len(ranked) > 1:
            text += f", before {ranked[1][1]} with {ranked[1][0]:.2f} %"
        parts.append(text + ".")
    return " ".join(parts)


def _crossing(rows: Rows, network: str) -> str:
    found = crossover(rows, network, CLASSICAL)
    sizes, *_ = _paired(rows, network, CLASSICAL)
    smallest, largest = int(sizes[0]), int(sizes[-1])

    def bound(n: float) -> str:
        if n == 0:
            return f"fewer than {smallest:,}"
        return f"more than {largest:,}" if math.isinf(n) else f"{_rounded(n):,}"

    bounds = dict.fromkeys((bound(found.low), bound(found.high)))  # once, if the same
    interval = f"95 % interval {' to '.join(bounds)}"
    if found.n_train == 0:
        text = f"{network} errs less than {CLASSICAL} at every size measured"
    elif math.isinf(found.n_train):
        text = f"{network} does not overtake {CLASSICAL} by {largest:,} training images"
    else:
        text = (
            f"{network} overtakes {CLASSICAL} at about {_rounded(found.n_train):,} "
            "training images"
        )
    return f"{text} ({interval})."


def _rounded(n: float) -> int:
    """To two digits: more would be noise."""
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


def _cell(found: tuple[float, float, float] | None) -> str:
    """Mean with its interval, where there are several seeds."""
    if found is None:
        return ""
    mean, low, high = found
    return f"{mean:.2f}" + ("" if math.isnan(low) else f" ({low:.2f} to {high:.2f})")
