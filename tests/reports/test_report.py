"""The comparison on paper: Markdown, CSV, JSON, LaTeX and the terminal agree."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.reports.browser import opened
from tests.reports.builders import (
    add_failure,
    add_run,
    markdown_of,
    rows_of,
    table_line,
    tiny_dataset,
)
from visbase.reports.compare import compare, machine_lines, read_runs
from visbase.reports.measures import LATEX, MARKDOWN, columns
from visbase.reports.page import details, render_page
from visbase.reports.write import print_table, to_csv, to_json, to_latex, write_report


def test_published_figure_is_shown_for_its_dataset_alone(results: Path) -> None:
    markdown = markdown_of(results)
    assert table_line(markdown, "linear")[3] == "12"
    assert re.search(r"`linear`.* 12 %.*LeCun", markdown)
    add_run(results, "linear", dataset="tiny")
    markdown = markdown_of(results, "tiny")
    assert table_line(markdown, "linear")[3] == ""
    assert "LeCun" not in markdown


def test_csv_json_and_markdown_give_the_same_numbers(results: Path) -> None:
    rows, runs = rows_of(results), read_runs(results, "mnist")
    lines = list(csv.DictReader(io.StringIO(to_csv(rows))))
    content = json.loads(to_json(rows, runs, "mnist"))
    assert content["n_test"] == 10
    assert [line["method"] for line in lines] == ["linear", "svm_rbf", "broken"]
    names = ("error_pct", "deviation_pct", "low_pct", "high_pct", "lecture_pct")
    names += ("n_seeds", "p_next", "fit_s", "predict_s")
    for line, facts in zip(lines, content["rows"], strict=True):
        exact = {name: float(line[name]) for name in names if line[name]}
        values = {name: facts[name] for name in names if facts[name] is not None}
        assert values == pytest.approx(exact, abs=1e-4)
        if not line["failure"]:
            shown = " ".join(table_line(markdown_of(results), line["method"])[1:8])
            numbers = [float(number) for number in re.findall(r"[\d.]+", shown)]
            assert numbers == pytest.approx(list(exact.values()), abs=0.00506)
    assert (lines[0]["error_pct"], content["rows"][0]["seeds"]) == ("45.0000", [0, 1])
    assert lines[2]["failure"] == content["rows"][2]["failure"] == "no memory"


def test_every_line_of_a_table_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    add_run(tmp_path, "svm_rbf", range(2), summary="a | b <!-- table ends -->")
    add_failure(tmp_path, "svm_rbf", "TypeError: int | None", seed=1)
    add_failure(tmp_path, "bad_one", "50 % of {memory} & more | more")
    markdown = markdown_of(tmp_path)
    assert "<!--" not in markdown  # no summary may end a marked block
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    n_cells = 1 + len(columns(MARKDOWN))
    assert {line.replace("\\|", "").count("|") for line in lines} == {n_cells + 1}
    good, bad = to_latex(rows_of(tmp_path), "mnist").splitlines()[5:7]
    assert good.startswith(r"\texttt{svm\_rbf}")
    assert bad.startswith(r"\texttt{bad\_one}")
    assert good.count(" & ") == 1 + len(columns(LATEX))
    assert "& 20.00 & 5.67--50.98 & 1.4 & 1 &" in good
    assert r"failed: 50 \% of \{memory\} \& more" in bad


def test_each_machine_is_named_with_its_number_of_runs(results: Path) -> None:
    other = {"cpu": "another one", "n_cores": 1, "device": "cuda"}
    add_run(results, "mlp2", **other, versions={"python": "3.11", "numpy": "2"})
    lines = machine_lines(read_runs(results, "mnist"))
    assert sorted(lines) == [
        "1 run (mlp2-cuda) on another one, 1 core, cuda; numpy 2, python 3.11",
        "4 runs (broken, linear, svm_rbf) on a processor, 2 cores, cpu; python 3.11",
    ]
    markdown = markdown_of(results)
    assert all(line in markdown for line in lines)


def test_report_is_written_in_every_form(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, rows = read_runs(results, "mnist"), rows_of(results)
    out = tmp_path / "new" / "out"
    write_report(out, rows, runs, tiny_dataset("mnist"))
    texts = {path.suffix: path.read_text() for path in out.glob("comparison.*")}
    assert texts == {
        ".md": f"# Comparison on mnist\n\n{markdown_of(results)}",
        ".csv": to_csv(rows),
        ".json": to_json(rows, runs, "mnist"),
        ".tex": to_latex(rows, "mnist"),
    }
    assert "</html>" in (out / "index.html").read_text()
    print_table(rows, runs, "mnist")
    shown = capsys.readouterr().out
    for part in ("10 test images", "45.00 ± 7.07", "10.00", "no memory", "4 runs ("):
        assert part in shown


def test_page_shows_the_images_that_most_methods_misclassify(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(details, "MOST_TILES", 2)
    add_run(results, "nearest", range(1, 2))
    rows, runs = rows_of(results), read_runs(results, "mnist")
    page = render_page(rows, runs, tiny_dataset("mnist"))
    assert "These 2 test images" in page
    # linear misclassifies 0 to 4, nearest 1, svm_rbf 9
    assert "In all, 6 are; the others, which fewer methods misclassify" in page
    assert '"images": [[1, 1], [0, 0]]' in page


def test_page_without_a_result_has_no_error_in_its_script(tmp_path: Path) -> None:
    add_failure(tmp_path, "broken", "no memory", dataset="tiny")
    runs = read_runs(tmp_path, "tiny")
    html = render_page(compare(runs), runs, tiny_dataset("tiny"))
    (tmp_path / "index.html").write_text(html, "utf-8")
    with opened(tmp_path / "index.html") as page:
        assert page.locator("#confusion td").count() == 0
