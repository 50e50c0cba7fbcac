"""The sentences about MNIST agree with the CSV files that are written beside them."""

import csv
import io
import re
from collections import defaultdict
from statistics import mean

import pytest

from tests.reports.builders import Committed
from visbase.reports.charts import history_chart

COMPARED = {"linear", "svm_rbf", "bovw_pyramid", "lenet5", "convnet"}
Said = dict[str, tuple[str, list[dict[str, str]]]]


@pytest.fixture
def said(committed: Committed) -> Said:
    """Sentences and rows of the CSV file of each finding."""
    texts = {finding.name: " ".join(finding.sentences) for finding in committed[2]}
    tables = {finding.name: io.StringIO(finding.csv) for finding in committed[2]}
    return {name: (texts[name], list(csv.DictReader(tables[name]))) for name in texts}


def pct(row: dict[str, str]) -> float:
    return 100 * int(row["n_errors"]) / int(row["n_test"])


def in_order(text: str, *parts: str) -> bool:
    """Whether the parts stand in the text one after the other."""
    return re.search(".*?".join(map(re.escape, parts)), text) is not None


def test_learning_curves(said: Said, committed: Committed) -> None:
    text, rows = said["curves"]
    errors = defaultdict(list)
    for row in rows:
        errors[row["method"], int(row["n_train"])].append(pct(row))
    assert {method for method, _ in errors} == COMPARED
    for size in (10, 60_000):
        means = sorted((mean(errors[method, size]), method) for method in COMPARED)
        (e1, first), (e2, second), *_ = means
        parts = (f"With {size:,} ", first, f"{e1:.2f} %", second, f"{e2:.2f} %")
        assert in_order(text, *parts)
    (finding,) = [finding for finding in committed[2] if finding.name == "curves"]
    for size, *cells in finding.table:
        for method, cell in zip(finding.head[1:], cells, strict=True):
            values = errors[method, int(size.replace(",", ""))]
            assert cell.split(" (")[0] == f"{mean(values):.2f}"
            assert ("(" in cell) == (len(values) > 1)
    pattern = r"convnet overtakes bovw_pyramid at about (\S+) .*? (\S+) to (\S+)\)"
    (crossing,) = re.findall(pattern, text)
    at, low, high = (int(n.replace(",", "")) for n in crossing)
    assert low <= at <= high
    for size in {size for _, size in errors}:
        ahead = mean(errors["convnet", size]) < mean(errors["bovw_pyramid", size])
        assert ahead == (size > at)


def test_corruption(said: Said) -> None:
    text, rows = said["corruption"]
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
        assert in_order(text, f"{order[0]} has the lowest", ranked)
    for method in COMPARED:
        error, kind = max(
            (mean(values), kind) for (m, kind), values in by_kind.items() if m == method
        )
        assert f"{kind} for {method} ({error:.1f} %)" in text.lower()


def test_cost(said: Said) -> None:
    text, rows = said["cost"]
    assert {row["method"] for row in rows} == COMPARED
    best = min(rows, key=pct)
    fastest = min(rows, key=lambda row: float(row["fit_s"]))
    ratio = float(best["cpu_s"]) / float(fastest["cpu_s"])
    seconds = [f"{float(best[name]):,.0f} s" for name in ("fit_s", "cpu_s")]
    microseconds = f"{float(best['one_us']):,.0f} µs"
    assert in_order(text, best["method"], f"{pct(best):.2f} %", *seconds, microseconds)
    assert in_order(text, f"{fastest['method']} trains", f"{pct(fastest):.2f} %")
    assert f"{best['method']} needs {ratio:.1f} times" in text


def test_every_finding_is_drawn(committed: Committed) -> None:
    drawn = [(f.name, [*f.charts, *f.pictures]) for f in committed[2]]
    assert [name for name, shown in drawn if not shown] == []
    charts = [chart for finding in committed[2] for chart in finding.charts]
    assert all(chart.rows for chart in charts)


def test_training_histories_have_one_line_per_seed(committed: Committed) -> None:
    chart = history_chart(committed[1])
    assert chart is not None
    points = [(row["method"], row["seed"], row["x"]) for row in chart.rows]
    assert len(set(points)) == len(points)  # though seed 0 ran on two processors
