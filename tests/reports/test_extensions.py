"""One new file is one new measure or finding; measures agree with hand arithmetic."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reports.builders import TRUTH, add_run, markdown_of, rows_of, tiny_dataset
from visbase.pipeline.errors import BadInput
from visbase.reports.compare import read_runs
from visbase.reports.measures import Measure, find_measures
from visbase.reports.page import render_page
from visbase.reports.write import make_report, to_csv

MEASURE = """
from visbase.reports.measures import SHORT, Measure, of_labels

ones = of_labels(lambda truth, prediction: 100 * float((prediction == 1).mean()))
MEASURES = (
    Measure("ones_pct", "ones %", "", ".1f", ones, "Ones.", short=SHORT),
    Measure("rare", "rare ones", "higher", ".3f", ones, "The same, apart."),
)
"""
FINDING = """
from visbase.reports.findings import Finding

ORDER = 15
NAME = "tints"
COLUMNS = ("method", "tint")


def find(folder, dataset, runs):
    path = folder / "tints" / f"{dataset.name}.csv"
    if not path.exists():
        return None
    said = [f"linear sees {path.read_text()}."]
    return Finding(NAME, "Tints", said, [], COLUMNS, [], COLUMNS, [])
"""


def test_new_measure_is_in_its_tables(tmp_path: Path, add_file: Any) -> None:
    results = tmp_path / "results"
    add_run(results, "linear", dataset="tiny")  # of ten predictions two are 1
    add_run(results, "nearest", range(1), dataset="tiny")  # three are
    add_file("reports/measures/a_first.py", MEASURE)
    rows, runs = rows_of(results, "tiny"), read_runs(results, "tiny")
    markdown = markdown_of(results, "tiny")
    page = render_page(rows, runs, tiny_dataset("tiny"))
    for text in (markdown, page):
        assert "ones %" in text and "30.0" in text and "20.0" in text
    assert "rare" not in markdown
    assert "rare ones" in page and "30.000" in page
    assert "The same, apart. Higher is better." in page
    lines = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert [line["ones_pct"] for line in lines] == ["30.0000", "20.0000"]
    assert {"ones_pct", "rare"} <= {*list(lines[0])[15:]}


def test_new_finding_comes_and_goes(tmp_path: Path, add_file: Any) -> None:
    results, out = tmp_path / "results", tmp_path / "out"
    add_run(results, "linear", dataset="tiny")
    measured = tmp_path / "tints" / "tiny.csv"
    measured.parent.mkdir()
    measured.write_text("red")
    add_file("reports/findings/tint.py", FINDING)
    make_report(tiny_dataset("tiny"), results, out)
    assert (out / "tints.csv").read_text() == "method,tint\n"
    page = (out / "index.html").read_text()
    assert "<h3>Tints</h3>" in page and "linear sees red." in page
    assert "0 test images are misclassified" in page
    measured.unlink()
    (out / "cost.csv").write_text("the user's own")
    (out / "curves.csv").mkdir()
    make_report(tiny_dataset("tiny"), results, out)
    assert not (out / "tints.csv").exists()
    assert (out / "cost.csv").read_text() == "the user's own"
    assert (out / "curves.csv").is_dir()


@pytest.mark.parametrize("changes", [{"better": "more"}, {"short": ("table",)}])
def test_wrongly_declared_measure_is_refused(changes: dict[str, object]) -> None:
    facts = {"name": "x", "title": "x", "better": "", "format": "d", "note": ""}
    with pytest.raises(ValueError, match=f"x: {next(iter(changes))} is"):
        Measure(**{**facts, "compute": lambda runs: 0.0, **changes})  # type: ignore[arg-type]


def test_second_measure_with_a_name_is_refused(add_file: Any) -> None:
    add_file("reports/measures/again.py", MEASURE.replace("ones_pct", "error_pct"))
    with pytest.raises(BadInput, match=r"again\.py: .* error_pct already exists"):
        find_measures()


def test_measures_of_classes_and_probabilities_by_hand(tmp_path: Path) -> None:
    path = add_run(tmp_path, "sure", range(1))  # image 0 is of class 0, predicted 1
    predictions = np.load(path.with_suffix(".npy"))[1]
    chances = np.full((10, 6), 0.1)
    chances[np.arange(10), predictions] = 0.5
    np.save(path.with_suffix(".scores.npy"), np.log(chances).astype(np.float16))
    (row,) = rows_of(tmp_path)
    assert row["balanced_accuracy_pct"] == pytest.approx(100 * 4.5 / 5)
    # class 0: 2 x 1 / (2 + 1); class 1: 2 x 2 / (2 + 3); three classes without fault
    assert row["macro_f1_pct"] == pytest.approx(100 * (2 / 3 + 4 / 5 + 3) / 5)
    expected = -(9 * np.log(0.5) + np.log(0.1)) / 10
    assert row["log_loss"] == pytest.approx(expected, abs=1e-3)
    assert row["calibration_pct"] == pytest.approx(40, abs=0.1)  # 90 % right, 50 % sure
    assert (row["first_half_pct"], row["last_half_pct"]) == (20, 0)


def test_scores_that_are_no_probabilities_have_no_log_loss(tmp_path: Path) -> None:
    path = add_run(tmp_path, "votes")
    votes = 3 * np.eye(6, dtype=np.float16)[TRUTH]
    np.save(path.with_suffix(".scores.npy"), votes)
    (line,) = csv.DictReader(io.StringIO(to_csv(rows_of(tmp_path))))
    assert line["log_loss"] == line["calibration_pct"] == ""
