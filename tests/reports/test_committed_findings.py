"""The sentences of the page about MNIST agree with the CSV files that lie beside it."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.storage import ROOT
from visbase.reports.findings import Finding
from visbase.reports.findings.combination import combination_finding
from visbase.reports.findings.corruption import corruption_finding
from visbase.reports.findings.cost import cost_finding
from visbase.reports.findings.curves import curves_finding

COMPARED = {"linear", "svm_rbf", "bovw_pyramid", "lenet5", "convnet"}


def written(found: Finding | None, folder: Path) -> tuple[str, list[dict[str, str]]]:
    """The sentences, and the rows read back from the file as anybody would."""
    assert found is not None
    path = folder / f"{found.name}.csv"
    path.write_text(found.csv)
    with open(path, newline="") as file:
        return " ".join(found.sentences), list(csv.DictReader(file))


def pct(row: dict[str, str]) -> float:
    return 100 * int(row["n_errors"]) / int(row["n_test"])


def test_learning_curves(tmp_path: Path) -> None:
    said, rows = written(curves_finding(ROOT / "reports" / "curves", "mnist"), tmp_path)
    errors = defaultdict(list)
    for row in rows:
        errors[row["method"], int(row["n_train"])].append(pct(row))
    assert {method for method, _ in errors} == COMPARED
    for size in (10, 60_000):
        order = sorted((mean(errors[m, size]), m) for m in COMPARED)
        assert (
            f"With {size:,} training images {order[0][1]} errs least, "
            f"{order[0][0]:.2f} %, before {order[1][1]} with {order[1][0]:.2f} %."
        ) in said
    crossing = re.search(
        r"convnet overtakes bovw_pyramid at about ([\d,]+) training images "
        r"\(95 % interval ([\d,]+) to ([\d,]+)\)",
        said,
    )
    assert crossing is not None
    at, low, high = (int(n.replace(",", "")) for n in crossing.groups())
    assert low <= at <= high
    # the seeds that both share: each one's own crossover, in mean and spread
    own = []
    for seed in range(5):
        gaps = [
            np.log(errors["convnet", n][seed] / errors["bovw_pyramid", n][seed])
            for n in (100, 300, 1000)
        ]
        last = 1 if gaps[1] >= 0 else 0
        steps = np.log([100, 300, 1000])
        own.append(np.interp(0, [-gaps[last], -gaps[last + 1]], steps[last : last + 2]))
    half = 2.776 * np.std(own, ddof=1) / np.sqrt(5)  # t of 4 degrees of freedom
    assert np.log([low, high]) == pytest.approx(
        [np.mean(own) - half, np.mean(own) + half], abs=0.2
    )
    # the nearest sizes measured lie on either side of it
    sizes = sorted({size for _, size in errors})
    for size in sizes:
        ahead = mean(errors["convnet", size]) < mean(errors["bovw_pyramid", size])
        assert ahead == (size > at)


def test_damage(tmp_path: Path) -> None:
    said, rows = written(
        corruption_finding(ROOT / "reports" / "corruption", "mnist"), tmp_path
    )
    damaged, other = defaultdict(list), {}
    for row in rows:
        if int(row["level"]):
            damaged[row["method"]].append(pct(row))
        elif row["corruption"] != "none":
            other[row["method"]] = pct(row)
    assert set(damaged) == set(other) == COMPARED
    assert all(len(errors) == 60 for errors in damaged.values())
    means = {method: mean(errors) for method, errors in damaged.items()}
    for figures in (means, other):
        order = sorted(figures, key=figures.__getitem__)
        ranked = ", ".join(f"{method} {figures[method]:.1f} %" for method in order)
        assert f"{order[0]} errs least: {ranked}." in said
    hardest = re.search("the mean of five strengths: (.*?)\\.  *On", said)
    assert hardest is not None
    by_kind = defaultdict(list)
    for row in rows:
        if int(row["level"]):
            by_kind[row["method"], row["corruption"].replace("_", " ")].append(pct(row))
    for told in hardest[1].split(", "):
        error, method, kind = max(
            (mean(errors), method, kind)
            for (method, kind), errors in by_kind.items()
            if told.startswith(f"for {method} ")
        )
        assert told == f"for {method} {kind} ({error:.1f} %)"


def test_cost(tmp_path: Path) -> None:
    said, rows = written(cost_finding(ROOT / "reports" / "cost", "mnist"), tmp_path)
    assert {row["method"] for row in rows} == COMPARED
    best = min(rows, key=pct)
    assert said.startswith(
        f"{best['method']} errs least, {pct(best):.2f} % with seed 0, for "
        f"{best['fit_s']} s of fitting ({best['cpu_s']} processor seconds) and "
        f"{float(best['one_us']):,.0f} µs an image alone"
    )
    soonest = min(rows, key=lambda row: float(row["fit_s"]))
    ratio = float(best["cpu_s"]) / float(soonest["cpu_s"])
    assert f"{soonest['method']} is fitted soonest, in {soonest['fit_s']} s" in said
    assert f"{best['method']} takes {ratio:.1f} times its processor seconds" in said


def test_combination(tmp_path: Path, mnist: Dataset) -> None:
    folder = ROOT / "reports" / "combination"
    said, rows = written(
        combination_finding(folder, "mnist", mnist.test.labels), tmp_path
    )
    truth, *answers = np.load(folder / "mnist" / "bovw_pyramid+convnet.npy")
    errors = {row["answer"]: int(row["n_errors"]) for row in rows}
    assert list(errors.values()) == [int((a != truth).sum()) for a in answers]
    better = rows[0]["better"]
    for name in ("weighted sum", "stacked"):
        gain = errors[better] - errors[name]
        told = f"saves {gain} of" if gain >= 0 else f"adds {-gain} to"
        assert f"{name} {told} {errors[better]} errors" in said
