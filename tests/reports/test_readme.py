"""Markdown files with markers: what is renewed, what is kept, what is committed."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.reports.builders import Committed, markdown_of, rows_of, table_line
from visbase.pipeline.datasets import cifar10, fashion_mnist
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage import ROOT
from visbase.reports import readme
from visbase.reports.compare import compare, read_runs
from visbase.reports.findings import Finding
from visbase.reports.write import all_findings

(BEGIN, END), (TOLD, TOLD_END) = readme.TABLE, readme.FINDINGS
FINDING = Finding("cost", "Cost", ["a is dear.", "b is not."], "", (), [], (), [])
TEXT = f"# Über\n{BEGIN}\n{{table}}{END}\nafter\n{TOLD}\n{{findings}}{TOLD_END}\nend\n"


def renew(results: Path, *paths: Path) -> None:
    runs = read_runs(results, "mnist")
    readme.renew_files(paths, rows_of(results), runs, "mnist", [FINDING])


def test_only_text_between_markers_is_renewed(results: Path, tmp_path: Path) -> None:
    front, other = tmp_path / "README.md", tmp_path / "docs" / "results.md"
    other.parent.mkdir()
    front.write_text(f"{TOLD}old{TOLD_END}\n![error](docs/pictures/error.svg)\n")
    other.write_text(TEXT.format(table="old\n", findings="old\n"), "utf-8")
    told = "- a is dear.\n- b is not.\n"
    expected = TEXT.format(table=markdown_of(results), findings=told)
    for _ in range(2):
        renew(results, front, other)
        assert other.read_text("utf-8") == expected
        assert front.read_text().startswith(f"{TOLD}\n{told}{TOLD_END}\n![error]")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.svg")}
    assert files == {"docs/pictures/error.svg", "docs/pictures/fit.svg"}


def test_marker_that_names_methods_shows_them(results: Path, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    begin = "<!-- table begins: svm_rbf linear -->"
    path.write_text(f"{begin}\n{END}")
    renew(results, path)
    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1]) == (begin, END)
    assert [line.split("`")[1] for line in lines[3:-1]] == ["linear", "svm_rbf"]
    row = ["`linear` the linear method", "45.00 ± 7.07", "20.14 to 72.63", "12", "15"]
    assert table_line(path.read_text(), "linear") == row


def test_marker_that_names_a_finding_shows_its_table(
    results: Path, tmp_path: Path
) -> None:
    begin, end = "<!-- finding begins: {} -->", readme.FINDING[1]
    table = Finding("cost", "", ["a is dear."], "", (), [], ("one", "s"), [("a", "2")])
    path = tmp_path / "page.md"
    path.write_text("\n".join(f"{begin.format(name)}\n{end}" for name in ("cost", "x")))
    readme.renew_files([path], [], [], "mnist", [table])
    shown = ["- a is dear.", "", "| one | s |", "| --- | --- |", "| a | 2 |"]
    expected = [begin.format("cost"), *shown, end]
    expected += [begin.format("x"), "Not measured yet.", end]
    assert path.read_text().splitlines() == expected


WITHOUT_RECORD = f"<!-- table begins: linear nearest -->{END}"
TURNED, OPEN = f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{TOLD}"


@pytest.mark.parametrize("text", ["none", BEGIN, END, TURNED, OPEN, WITHOUT_RECORD])
def test_wrong_markers_are_refused(results: Path, tmp_path: Path, text: str) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text(f"{BEGIN}\n{END} (docs/pictures/error.svg)")
    bad.write_text(text)
    with pytest.raises(BadInput, match=r"bad\.md: .*(expected the lines|'nearest')"):
        renew(results, good, bad)
    assert bad.read_text() == text
    assert good.read_text().startswith(f"{BEGIN}\n{END}")
    assert not list(tmp_path.rglob("*.svg"))


def test_committed_files_show_the_committed_records(committed: Committed) -> None:
    rows, runs, findings = committed
    paths = [ROOT / "README.md", ROOT / "docs" / "results.md"]
    texts = {path: path.read_text("utf-8") for path in paths}
    for path, text in texts.items():
        assert readme.renewed(path, text, rows, runs, "mnist", findings) == text
    everything = "".join(texts.values())
    assert BEGIN in everything and TOLD in everything  # the whole table, the findings
    for name, svg in readme.readme_pictures(rows, runs).items():
        assert f"pictures/{name})" in everything
        assert (ROOT / readme.PICTURES / name).read_text("utf-8") == svg


@pytest.mark.parametrize("file", [cifar10, fashion_mnist])
def test_committed_page_of_objects_shows_its_records(file: ModuleType) -> None:
    name = file.__name__.rpartition(".")[2]
    runs = read_runs(ROOT / "reports" / "results", name)
    truth = next(one.answers[0] for one in runs if one.good).astype(np.int64)
    split = Split(np.zeros((len(truth), 1, 1, 3), np.uint8), truth, [])
    data = Dataset(name, split, split, file.CLASSES, "objects", 3)
    findings = all_findings(ROOT / "reports", data, runs)
    path = ROOT / "docs" / f"{name}.md"
    text = path.read_text("utf-8")
    shown = readme.renewed(path, text, compare(runs), runs, name, findings)
    assert shown == text  # else `visbase report --dataset NAME --readme` renews it
