"""The comparison on paper: Markdown, CSV, README and terminal say the same."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.reports.test_compare import (
    add_failure,
    add_run,
    markdown_of,
    rows_of,
    table_line,
    tiny_dataset,
)
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import CORRUPTION
from visbase.pipeline.storage import ROOT
from visbase.reports.compare import compare, machine_lines, read_runs
from visbase.reports.findings import Finding, find_findings
from visbase.reports.measures import LATEX, MARKDOWN, columns
from visbase.reports.write import (
    FINDINGS,
    PICTURES,
    TABLE,
    print_table,
    readme_pictures,
    to_csv,
    to_json,
    to_latex,
    to_markdown,
    write_into_readme,
    write_report,
)

(BEGIN, END), (TOLD, TOLD_END) = TABLE, FINDINGS
FOUND = Finding("cost", "Cost", ["a is dear.", "b is not."], "", (), [], (), [])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two working methods, one of them with two seeds, and a failed one."""
    folder = tmp_path / "results"
    add_run(folder, "linear", range(5), seed=0)
    add_run(folder, "linear", range(4), seed=1)
    add_run(folder, "svm_rbf", range(9, 10))
    add_failure(folder, "broken", "no memory")
    return folder


def test_lectures_figure_stands_beside_the_method(results: Path) -> None:
    markdown = markdown_of(results)
    assert table_line(markdown, "linear")[3] == "12"
    assert table_line(markdown, "svm_rbf")[3] == "1.4"
    assert "`linear` beside 12: 1-layer network, raw pixels (LeCun" in markdown


def test_lectures_figures_are_of_mnist_alone(tmp_path: Path) -> None:
    add_run(tmp_path, "linear", dataset="fashion_mnist")
    markdown = markdown_of(tmp_path, "fashion_mnist")
    assert table_line(markdown, "linear")[3] == ""
    assert "beside 12" not in markdown
    assert "fashion_mnist test error %" in markdown


def test_csv_and_markdown_give_the_same_numbers(results: Path) -> None:
    markdown = markdown_of(results)
    lines = list(csv.DictReader(io.StringIO(to_csv(rows_of(results)))))
    assert [line["method"] for line in lines] == ["linear", "svm_rbf", "broken"]
    names = ("error_pct", "deviation_pct", "low_pct", "high_pct", "lecture_pct")
    names += ("n_seeds", "p_next", "fit_s", "predict_s")
    for line in lines[:2]:
        shown = " ".join(table_line(markdown, line["method"])[1:8])
        numbers = [float(number) for number in re.findall(r"[\d.]+", shown)]
        exact = [float(line[name]) for name in names if line[name] not in ("", "nan")]
        assert numbers == pytest.approx(exact, abs=0.00506)  # two decimals of four
    assert lines[0]["error_pct"] == "45.0000"
    assert lines[2]["failure"] == "no memory"


def test_every_line_of_the_table_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    add_run(tmp_path, "linear", range(5))
    add_failure(tmp_path, "broken", "TypeError: int | None")
    add_failure(tmp_path, "linear", "TypeError: int | None", seed=1)
    lines = [t for t in markdown_of(tmp_path).splitlines() if t.startswith("|")]
    n_cells = 1 + len(columns(MARKDOWN))
    assert {line.replace("\\|", "").count("|") for line in lines} == {n_cells + 1}


def test_each_machine_is_named_with_its_number_of_runs(results: Path) -> None:
    add_run(results, "mlp2", cpu="another processor", n_cores=8, device="cuda")
    lines = machine_lines(read_runs(results, "mnist"))
    first, second = sorted(lines)
    other = "another processor, 8 cores, cuda; numpy 2, python 3.11"
    assert first == f"1 run (mlp2) on {other}"
    assert second.startswith("4 runs (")
    assert second.endswith(") on a processor, 2 cores, cpu; numpy 2, python 3.11")
    markdown = markdown_of(results)
    assert all(line in markdown for line in lines)


def test_report_is_written_in_every_form(results: Path, tmp_path: Path) -> None:
    runs, rows = read_runs(results, "mnist"), rows_of(results)
    out = tmp_path / "new" / "out"
    write_report(out, rows, runs, tiny_dataset("mnist"))
    markdown = (out / "comparison.md").read_text()
    assert markdown == f"# Comparison on mnist\n\n{markdown_of(results)}"
    assert (out / "comparison.csv").read_text() == to_csv(rows)
    assert (out / "comparison.json").read_text() == to_json(rows, runs, "mnist")
    assert (out / "comparison.tex").read_text() == to_latex(rows, "mnist")
    assert "</html>" in (out / "index.html").read_text()


def test_data_of_a_finding_that_is_no_more_goes(results: Path, tmp_path: Path) -> None:
    runs, rows = read_runs(results, "mnist"), rows_of(results)
    (tmp_path / "corruption.csv").write_text(",".join(CORRUPTION) + "\n")
    (tmp_path / "cost.csv").write_text("the user's own")
    (tmp_path / "curves.csv").mkdir()
    write_report(tmp_path, rows, runs, tiny_dataset("mnist"))
    assert not (tmp_path / "corruption.csv").exists()
    assert (tmp_path / "cost.csv").read_text() == "the user's own"
    assert (tmp_path / "curves.csv").is_dir()


def test_json_holds_every_row_and_null_for_what_is_not_known(results: Path) -> None:
    content = json.loads(
        to_json(rows_of(results), read_runs(results, "mnist"), "mnist")
    )
    assert content["n_test"] == 10
    linear, svm_rbf, broken = content["rows"]
    assert linear["error_pct"] == pytest.approx(45)
    assert linear["seeds"] == [0, 1]
    assert svm_rbf["deviation_pct"] is None
    assert broken["error_pct"] is None
    assert broken["failure"] == "no memory"


def test_latex_escapes_and_has_as_many_cells_everywhere(tmp_path: Path) -> None:
    add_run(tmp_path, "svm_rbf", range(2))
    add_failure(tmp_path, "bad_one", "50 % of {memory} & more")
    lines = to_latex(rows_of(tmp_path), "mnist").splitlines()
    (good,) = [line for line in lines if line.startswith(r"\texttt{svm\_rbf}")]
    assert good.count(" & ") == 1 + len(columns(LATEX))
    assert "& 20.00 & 5.67--50.98 & 1.4 & 1 &" in good
    (bad,) = [line for line in lines if line.startswith(r"\texttt{bad\_one}")]
    assert r"failed: 50 \% of \{memory\} \& more" in bad


def renew(path: Path, results: Path) -> None:
    rows, runs = rows_of(results), read_runs(results, "mnist")
    write_into_readme(path, rows, runs, "mnist", [FOUND])


def test_only_the_text_between_the_markers_is_renewed(
    results: Path, tmp_path: Path
) -> None:
    readme = tmp_path / "README.md"
    findings = f"{TOLD}\n{{}}{TOLD_END}\nend\n"
    text = f"# Über\n{BEGIN}\n{{}}{END}\nafter | it\n"
    readme.write_text(text.format("old table\n") + findings.format("old\n"), "utf-8")
    renew(readme, results)
    told = "- a is dear.\n- b is not.\n"
    expected = text.format(markdown_of(results)) + findings.format(told)
    assert readme.read_text("utf-8") == expected
    renew(readme, results)
    assert readme.read_text("utf-8") == expected


@pytest.mark.parametrize(
    "text",
    ["", "no markers", BEGIN, END, f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{TOLD}"],
)
def test_file_without_the_markers_is_told_and_kept(
    results: Path, tmp_path: Path, text: str
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(BadInput, match=r"README\.md: expected the lines"):
        renew(readme, results)
    assert readme.read_text() == text


def test_terminal_shows_each_method_whole(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table(rows_of(results), read_runs(results, "mnist"), "mnist")
    shown = capsys.readouterr().out
    assert "mnist: error on 10 test images" in shown
    for part in ("45.00 ± 7.07", "10.00", "failed", "no memory", "4 runs ("):
        assert part in shown


def git(*arguments: str) -> bytes:
    """What git answers; skips the test where there is no checkout."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no git checkout to look into: {error}")
    return done.stdout


def test_readme_shows_the_committed_records(tmp_path: Path, mnist: Dataset) -> None:
    if not git("ls-tree", "-r", "--name-only", "HEAD", "reports/results/mnist"):
        pytest.skip("the last commit has no records yet")
    readme = git("show", "HEAD:README.md").decode()
    archive = io.BytesIO(git("archive", "HEAD", "reports"))
    with tarfile.open(fileobj=archive) as tar:
        tar.extractall(tmp_path, filter="data")
    runs = read_runs(tmp_path / "reports" / "results", "mnist")
    shown = readme.partition(f"{BEGIN}\n")[2].partition(END)[0]
    rows = compare(runs)
    assert shown == to_markdown(rows, runs, "mnist")
    told = readme.partition(f"{TOLD}\n")[2].partition(TOLD_END)[0].splitlines()
    findings = find_findings(tmp_path / "reports", mnist)
    assert told == [f"- {line}" for one in findings for line in one.sentences]
    for name, svg in readme_pictures(rows, runs).items():
        assert f"({PICTURES}/{name})" in readme
        assert git("show", f"HEAD:{PICTURES}/{name}").decode() == svg
