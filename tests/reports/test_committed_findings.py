"""The sentences about MNIST agree with the CSV files that are written beside them."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from statistics import mean

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.storage import ROOT
from visbase.reports.findings import find_findings

COMPARED = {"linear", "svm_rbf", "bovw_pyramid", "lenet5", "convnet"}


@pytest.fixture(scope="module")
def committed(mnist: Dataset) -> dict[str, tuple[str, list[dict[str, str]]]]:
    """Sentences and rows of the CSV file of each finding."""
    return {
        finding.name: (
            " ".join(finding.sentences),
            list(csv.DictReader(io.StringIO(finding.csv))),
        )
        for finding in find_findings(ROOT / "reports", mnist)
    }


Committed = dict[str, tuple[str, list[dict[str, str]]]]


def pct(row: dict[str, str]) -> float:
    return 100 * int(row["n_errors"]) / int(row["n_test"])


def in_order(text: str, *parts: str) -> bool:
    """Whether the parts stand in the text one after the other."""
    return re.search(".*?".join(map(re.escape, parts)), text) is not None


def test_learning_curves(committed: Committed) -> None:
    said, rows = committed["curves"]
    errors = defaultdict(list)
    for row in rows:
        errors[row["method"], int(row["n_train"])].append(pct(row))
    assert {method for method, _ in errors} == COMPARED
    for size in (10, 60_000):
        (e1, first), (e2, second), *_ = sorted(
            (mean(errors[m, size]), m) for m in COMPARED
        )
        parts = (f"With {size:,} ", first, f"{e1:.2f} %", second, f"{e2:.2f} %")
        assert in_order(said, *parts)
    crossing = re.search(
        r"convnet overtakes bovw_pyramid at about ([\d,]+) .*? ([\d,]+) to ([\d,]+)\)",
        said,
    )
    assert crossing is not None
    at, low, high = (int(n.replace(",", "")) for n in crossing.groups())
    assert low <= at <= high
    # the crossover of each seed that both methods share, in mean and spread
    crossovers = []
    for seed in range(5):
        gaps = [
            np.log(errors["convnet", n][seed] / errors["bovw_pyramid", n][seed])
            for n in (100, 300, 1000)
        ]
        last = 1 if gaps[1] >= 0 else 0
        steps = np.log([100, 300, 1000])[last : last + 2]
        crossovers.append(np.interp(0, [-gaps[last], -gaps[last + 1]], steps))
    half = 2.776 * np.std(crossovers, ddof=1) / np.sqrt(5)  # t of 4 degrees of freedom
    middle = np.mean(crossovers)
    expected = [middle - half, middle + half]
    assert np.log([low, high]) == pytest.approx(expected, abs=0.2)
    for size in {size for _, size in errors}:
        ahead = mean(errors["convnet", size]) < mean(errors["bovw_pyramid", size])
        assert ahead == (size > at)


def test_corruption(committed: Committed) -> None:
    said, rows = committed["corruption"]
    errors, by_kind, other = defaultdict(list), defaultdict(list), {}
    for row in rows:
        if int(row["level"]):
            errors[row["method"]].append(pct(row))
            by_kind[row["method"], row["corruption"].replace("_", " ")].append(pct(row))
        elif row["corruption"] != "none":
            other[row["method"]] = pct(row)
    assert set(errors) == set(other) == COMPARED
    assert all(len(values) == 60 for values in errors.values())
    for figures in ({m: mean(values) for m, values in errors.items()}, other):
        order = sorted(figures, key=figures.__getitem__)
        ranked = ", ".join(f"{method} {figures[method]:.1f} %" for method in order)
        assert in_order(said, f"{order[0]} has the lowest", ranked)
    for method in COMPARED:
        error, kind = max(
            (mean(values), kind) for (m, kind), values in by_kind.items() if m == method
        )
        assert f"{kind} for {method} ({error:.1f} %)" in said.lower()


def test_cost(committed: Committed) -> None:
    said, rows = committed["cost"]
    assert {row["method"] for row in rows} == COMPARED
    best = min(rows, key=pct)
    fastest = min(rows, key=lambda row: float(row["fit_s"]))
    ratio = float(best["cpu_s"]) / float(fastest["cpu_s"])
    seconds = [f"{float(best[name]):,.0f} s" for name in ("fit_s", "cpu_s")]
    microseconds = f"{float(best['one_us']):,.0f} µs"
    assert in_order(said, best["method"], f"{pct(best):.2f} %", *seconds, microseconds)
    assert in_order(said, f"{fastest['method']} trains", f"{pct(fastest):.2f} %")
    assert f"{best['method']} needs {ratio:.1f} times" in said


def test_combination(committed: Committed) -> None:
    said, rows = committed["combination"]
    stored = ROOT / "reports" / "combination" / "mnist" / "bovw_pyramid+convnet.npy"
    truth, *answers = np.load(stored)
    errors = [int((a != truth).sum()) for a in answers]
    assert [int(row["n_errors"]) for row in rows] == errors
    better = [row["answer"] for row in rows].index(rows[0]["better"])
    parts = [f"{errors[i]} errors" for i in (better, 2, 3)]
    assert in_order(said, "bovw_pyramid and convnet", rows[0]["better"], *parts)
