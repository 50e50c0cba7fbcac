"""Errors by writer: counted by hand, and what the sentences say of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.reports.builders import Committed, add_run, tiny_dataset
from visbase.pipeline.datasets.splits import Writers
from visbase.reports.compare import read_runs
from visbase.reports.findings.writers import find

# ten images by four writers: 4, 2, 2 and 2
IDS = np.array([7, 7, 7, 7, 3, 3, 5, 5, 9, 9])
GROUPS = np.where(IDS > 4, "students", "employees")


def test_errors_of_writers_and_groups_by_hand(tmp_path: Path) -> None:
    add_run(tmp_path, "linear", range(3), family="classical", seed=0)
    add_run(tmp_path, "linear", range(2, 6), family="classical", seed=1)
    add_run(tmp_path, "lenet5", range(4, 5), family="network")
    dataset = tiny_dataset("mnist")
    test = replace(dataset.test, writers=Writers(IDS, GROUPS))
    runs = read_runs(tmp_path, "mnist")
    assert find(tmp_path, dataset, runs) is None  # writers are not known
    finding = find(tmp_path, replace(dataset, test=test), runs)
    assert finding is not None
    errors = {(row.method, row.writer): row.error_pct for row in finding.rows}
    # writer 7: 3 of 4 with the first seed, 2 of 4 with the second
    expected = {3: 50, 5: 0, 7: 62.5, 9: 0}
    assert {w: errors["linear", w] for w in expected} == expected
    linear, lenet5 = finding.table
    assert linear[:2] == ("linear", "35.00") and linear[-3:] == ("50.00", "31.25", "2")
    assert lenet5[:2] == ("lenet5", "10.00") and lenet5[-3:] == ("50.00", "0.00", "3")
    text = " ".join(finding.sentences)
    for group in ("1 employees", "3 students"):
        assert f"the {group}, linear has an error of" in text
    assert "linear has an error of 50.00 % and lenet5 of 50.00 %: the two are" in text
    assert "Half of linear's errors are on the digits of 1 of 4 writers; 2" in text
    (chart,) = finding.charts
    students = [row["y"] for row in chart.rows if row["panel"] == "students"]
    assert students == [0, 62.5]  # the worst of lenet5 and, with an error, of linear


def test_first_half_of_mnist_is_the_students(committed: Committed) -> None:
    rows, _, findings = committed
    (finding,) = [one for one in findings if one.name == "writers"]
    at = finding.head.index("students (%)")
    shown = {line[0]: line for line in finding.table}
    for row in rows:
        line = shown[row.method]
        assert line[1] == f"{row['error_pct']:.2f}"
        assert line[2] == f"{row['low_pct']:.2f} to {row['high_pct']:.2f}"
        assert abs(float(line[at]) - row["first_half_pct"]) < 0.03  # but for one image
