"""What others published beside our rows: models' answers, the dropout table."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.reports.builders import TRUTH, add_run, markdown_of, tiny_dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.tables import read_rows
from visbase.reports import published
from visbase.reports.published import PublishedModel, published_models
from visbase.reports.write import make_report

ANSWERS = TRUTH.copy()
ANSWERS[1], ANSWERS[2] = 2, 5  # wrong, the first as range(2) of `add_run` is


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The answers of one published model to the ten images."""
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    path = tmp_path / "cifar10.csv"
    answers = "".join(map(str, ANSWERS))
    path.write_text(f"model,file,summary,answers\nnet,net_3,a deep net,{answers}\n")
    return path


def lines_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_committed_answers_are_those_of_the_source() -> None:
    models = read_rows(published.FOLDER / "cifar10.csv", PublishedModel)
    labels = {model.file: model.labels for model in models}
    assert len(labels) == 10
    assert {(len(one), one.max()) for one in labels.values()} == {(10_000, 9)}
    widest = labels["wrn_28_10"]
    same = [int((one == widest).sum()) for one in labels.values()]
    assert same == [
        8258,
        8366,
        8459,
        8513,
        8601,
        8894,
        9324,
        9353,
        9392,
        10000,
    ]  # counted in the source's files


def test_method_is_compared_with_a_published_model(table: Path, tmp_path: Path) -> None:
    add_run(tmp_path / "results", "patch_words", range(2), dataset="cifar10")
    out = tmp_path / "out"
    make_report(tiny_dataset("cifar10"), tmp_path / "results", out)
    (line,) = lines_of(out / "published_models.csv")
    assert (line["n_errors"], line["model_errors"], line["p"]) == ("2", "2", "1")
    assert line["agreement_pct"] == "80"  # all but images 0 and 2
    # both right: 0.8 x 0.8; the same of five wrong labels: 0.2 x 0.2 / 5
    assert float(line["independent_pct"]) == pytest.approx(64.8)
    page = (out / "index.html").read_text()
    assert "patch_words, does not differ significantly from net (p = 1)" in page
    assert "published net, a deep net" in page
    markdown = markdown_of(tmp_path / "results", "cifar10")
    assert "| published: net (a deep net) | 20.00 | |" in markdown


def test_answers_to_other_images_are_refused(table: Path) -> None:
    with pytest.raises(BadInput, match=r"cifar10\.csv: net: .* 9 test .* found 10"):
        published_models("cifar10", TRUTH[:9])
    assert published_models("mnist", TRUTH) == []


def test_dropout_rows_are_compared_step_by_step(table: Path, tmp_path: Path) -> None:
    results, out = tmp_path / "results", tmp_path / "out"
    for method, n_wrong in (("", 6), ("_dropout_fc", 4), ("_dropout", 1)):
        add_run(results, f"cuda_convnet{method}", range(n_wrong), dataset="cifar10")
    for method, n_wrong in (("cuda_convnet", 2), ("maxout", 5)):
        facts = {"dataset": "cifar10", "device": "cuda"}
        add_run(results, f"wide_{method}", range(n_wrong), **facts)
    make_report(tiny_dataset("cifar10"), results, out)
    changes = {
        line["method"]: (line["published_pct"], line["difference_points"], line["p"])
        for line in lines_of(out / "dropout.csv")
    }
    assert changes == {
        "cuda_convnet": ("15.6", "", ""),
        "cuda_convnet_dropout_fc": ("14.32", "-20", "0.5"),  # two flips: 2 / 2^2
        "cuda_convnet_dropout": ("12.61", "-50", "0.0625"),  # five: 2 / 2^5
        "wide_cuda_convnet-cuda": ("15.6", "", ""),
        "wide_maxout-cuda": ("11.68", "30", "0.25"),
    }
    page = (out / "index.html").read_text()
    assert "-20.00 points (p = 0.5; published -1.28)" in page
    assert "-30.00 points (p = 0.25; published -1.71)" in page
    assert "the 3 rows are in the published order." in page
    assert "are not in the published order: from the largest error, maxout" in page
    assert "<td>43.48</td><td>60.00</td><td>20.00</td>" in page


def test_a_single_dropout_row_has_no_order(table: Path, tmp_path: Path) -> None:
    results, out = tmp_path / "results", tmp_path / "out"
    add_run(results, "wide_maxout", range(5), dataset="cifar10")
    make_report(tiny_dataset("cifar10"), results, out)
    page = (out / "index.html").read_text()
    assert "ours, published size" in page and "published ones" not in page


def test_lecture_has_no_searched_row_for_cifar100() -> None:
    assert published.lecture_figure("cifar100", "cuda_convnet_searched") is None
    figure = published.lecture_figure("cifar100", "wide_maxout-cuda")
    assert figure is not None and figure.error_pct == 38.57
    assert np.isclose(published.LECTURE["cifar10"]["maxout"].error_pct, 11.68)
