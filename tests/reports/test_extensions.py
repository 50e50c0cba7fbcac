"""One new file is one new measure or finding: every table and the page have it."""

from __future__ import annotations

import csv
import importlib
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.reports.test_compare import add_run, markdown_of, rows_of, tiny_dataset
from visbase.pipeline.errors import BadInput
from visbase.reports import findings, measures
from visbase.reports.compare import read_runs
from visbase.reports.findings import find_findings
from visbase.reports.measures import Measure, find_measures
from visbase.reports.write import (
    print_table,
    to_csv,
    to_json,
    to_latex,
    write_into_readme,
    write_report,
)

MEASURE = """
from visbase.reports.measures import SHORT, Measure, of_labels


def ones(truth, prediction):
    return 100 * float((prediction == 1).mean())


MEASURES = (
    Measure("ones_pct", "ones %", "", ".1f", of_labels(ones), "Ones.", short=SHORT),
    Measure("rare", "rare ones", "higher", ".3f", of_labels(ones), "The same, apart."),
)
"""
FINDING = """
from visbase.reports.findings import Finding

ORDER = 15
NAME = "tints"
COLUMNS = ("method", "tint")


def find(folder, dataset):
    path = folder / "tints" / f"{dataset.name}.csv"
    if not path.exists():
        return None
    rows = [{"method": "linear", "tint": path.read_text()}]
    told = [f"linear sees {rows[0]['tint']}."]
    table = [("linear", rows[0]["tint"])]
    return Finding(NAME, "Tints", told, "<svg></svg>", COLUMNS, rows, COLUMNS, table)
"""


@contextmanager
def new_file(
    package: ModuleType, folder: Path, name: str, text: str
) -> Iterator[ModuleType]:
    """The package with one more file, from another folder."""
    folder.mkdir()
    (folder / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "__path__", [*package.__path__, str(folder)])
        importlib.invalidate_caches()
        try:
            yield package
        finally:
            sys.modules.pop(f"{package.__name__}.{name}", None)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two methods; of ten answers two and three are 1."""
    add_run(tmp_path / "results", "linear", dataset="tiny")
    add_run(tmp_path / "results", "nearest", range(1), dataset="tiny")
    return tmp_path / "results"


def test_new_measure_is_in_every_table(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with new_file(measures, tmp_path / "more", "a_first", MEASURE):
        rows, runs = rows_of(results, "tiny"), read_runs(results, "tiny")
        write_report(tmp_path / "out", rows, runs, tiny_dataset("tiny"))
        print_table(rows, runs, "tiny")
        shown = {
            "terminal": capsys.readouterr().out,
            "Markdown": markdown_of(results, "tiny"),
            "LaTeX": to_latex(rows, "tiny").replace("\\%", "%"),
        }
        page = (tmp_path / "out" / "index.html").read_text()
        lines = list(csv.DictReader(io.StringIO(to_csv(rows))))
        content = json.loads(to_json(rows, runs, "tiny"))
    for text in (*shown.values(), page):
        assert "ones %" in text
        assert "30.0" in text and "20.0" in text
    assert not any("rare" in text for text in shown.values())
    assert "rare ones" in page and "30.000" in page
    assert "The same, apart. Higher is better." in page
    assert [line["ones_pct"] for line in lines] == ["30.0000", "20.0000"]
    assert [row["rare"] for row in content["rows"]] == [30, 20]
    assert content["measures"]["rare"]["better"] == "higher"
    # its name comes first in the folder, its columns behind those of the standard file
    assert {"ones_pct", "rare"} <= {*list(lines[0])[15:]}
    assert list(lines[0])[:3] == ["method", "summary", "error_pct"]
    assert "ones_pct" not in {one.name for one in find_measures()}


def test_new_finding_is_on_the_page_and_in_the_readme(
    results: Path, tmp_path: Path
) -> None:
    data, runs = tiny_dataset("tiny"), read_runs(results, "tiny")
    rows, out, readme = rows_of(results, "tiny"), tmp_path / "out", tmp_path / "x.md"
    readme.write_text(
        "<!-- table begins --><!-- table ends -->"
        "<!-- findings begin --><!-- findings end -->"
    )
    (tmp_path / "tints").mkdir()
    (tmp_path / "tints" / "tiny.csv").write_text("red")
    with new_file(findings, tmp_path / "more", "tint", FINDING):
        found = find_findings(tmp_path, data)
        write_report(out, rows, runs, data, found)
        write_into_readme(readme, rows, runs, "tiny", found)
        assert (out / "tints.csv").read_text() == "method,tint\nlinear,red\n"
        assert "<h3>Tints</h3>" in (out / "index.html").read_text()
        assert "- linear sees red.\n" in readme.read_text()
        (tmp_path / "tints" / "tiny.csv").unlink()
        assert find_findings(tmp_path, data) == []
        write_report(out, rows, runs, data)
        assert not (out / "tints.csv").exists()  # of an earlier report


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"better": "more"}, "is not a direction"),
        ({"short": ("table",)}, "short tables are terminal"),
    ],
)
def test_measure_that_is_declared_wrongly_is_refused(
    changes: dict[str, object], fault: str
) -> None:
    facts = {"name": "x", "title": "x", "better": "", "format": "d", "note": ""}
    with pytest.raises(ValueError, match=fault):
        Measure(**{**facts, "compute": lambda runs: 0.0, **changes})  # type: ignore[arg-type]


def test_two_measures_of_one_name_are_refused(tmp_path: Path) -> None:
    text = MEASURE.replace('"ones_pct"', '"error_pct"')
    with (
        new_file(measures, tmp_path / "more", "again", text),
        pytest.raises(BadInput, match="there is a measure error_pct already"),
    ):
        find_measures()


def test_measures_of_classes_and_probabilities_by_hand(tmp_path: Path) -> None:
    path = add_run(tmp_path, "sure", range(1))  # image 0 is of class 0, answered 1
    answers = np.load(path.with_suffix(".npy"))[1]
    chances = np.full((10, 6), 0.1)
    chances[np.arange(10), answers] = 0.5
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
    votes = 3 * np.eye(6, dtype=np.float16)[np.load(path.with_suffix(".npy"))[1]]
    np.save(path.with_suffix(".scores.npy"), votes)
    (row,) = rows_of(tmp_path)
    assert np.isnan([row["log_loss"], row["calibration_pct"]]).all()
    line = next(csv.DictReader(io.StringIO(to_csv([row]))))
    assert line["log_loss"] == line["calibration_pct"] == ""
