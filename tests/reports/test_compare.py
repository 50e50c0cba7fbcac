"""The comparison table: every figure is recounted, nothing doubtful gets in."""

from __future__ import annotations

import json
import math
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import Record, record_path, write_record
from visbase.pipeline.storage.folder_lock import locked
from visbase.reports.compare import compare, read_runs
from visbase.reports.measures import Row
from visbase.reports.write import to_markdown

TRUTH = np.arange(10) % 5


def add_run(
    results: Path, method: str, wrong: range = range(0), seed: int = 0, **changes: Any
) -> Path:
    """A record of a run on ten images that errs on the given ones."""
    prediction = TRUTH.copy()
    prediction[wrong] += 1
    facts: dict[str, Any] = {
        "method": method,
        "summary": f"the {method} method",
        "family": "classical",
        "dataset": "mnist",
        "preset": "full",
        "seed": seed,
        "config": {},
        "n_train": 50,
        "n_test": 10,
        "n_correct": 10 - len(wrong),
        "fit_s": 10.0 + 10 * seed,
        "predict_s": 1.5,
        "peak_rss_mb": 100.0,
        "n_parameters": 1,
        "device": "cpu",
        "cpu": "a processor",
        "n_cores": 2,
        "versions": {"numpy": "2", "python": "3.11"},
        "commit": "abc",
        "dirty": False,
        "started": "2026-01-01T00:00:00+00:00",
    }
    record = Record(**{**facts, **changes})
    if record.error is not None:
        return write_record(results, record)
    return write_record(results, record, TRUTH, prediction)


def add_failure(
    results: Path, method: str, reason: str, seed: int = 0, dataset: str = "mnist"
) -> Path:
    nothing = {"n_correct": None, "fit_s": None, "predict_s": None}
    facts = {"error": reason, "dataset": dataset, **nothing}
    return add_run(results, method, seed=seed, **facts)


def tiny_dataset(name: str, _folder: Path | None = None) -> Dataset:
    """The data set of those runs: ten images of five classes."""
    images = np.full((10, 4, 4), 9, np.uint8)
    split = Split(images, TRUTH, [str(i) for i in range(10)])
    return Dataset(
        name, split, split, tuple(f"class {i}" for i in range(6)), "digits", 1
    )


def rows_of(results: Path, dataset: str = "mnist") -> list[Row]:
    return compare(read_runs(results, dataset))


def markdown_of(results: Path, dataset: str = "mnist") -> str:
    runs = read_runs(results, dataset)
    return to_markdown(compare(runs), runs, dataset)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def table_line(markdown: str, method: str) -> list[str]:
    (line,) = [t for t in markdown.splitlines() if t.startswith(f"| `{method}`")]
    return cells(line)


def test_error_and_times_are_means_over_seeds(tmp_path: Path) -> None:
    add_run(tmp_path, "nearest", range(1), seed=0)
    add_run(tmp_path, "nearest", range(3), seed=1)
    (row,) = rows_of(tmp_path)
    assert row.seeds == (0, 1)
    assert row["error_pct"] == pytest.approx(20)  # of 10 % and 30 %
    assert row["deviation_pct"] == pytest.approx(math.sqrt(200))
    assert (row["low_pct"], row["high_pct"]) == pytest.approx(
        (5.668, 50.984), abs=1e-3
    )  # 2 of 10
    assert (row["fit_s"], row["predict_s"]) == (15.0, 1.5)
    line = table_line(markdown_of(tmp_path), "nearest")
    assert line[1:3] == ["20.00 ± 14.14", "5.67 to 50.98"]
    assert line[4:8] == ["2", "", "15", "1.5"]


def test_one_seed_shows_no_deviation(tmp_path: Path) -> None:
    add_run(tmp_path, "nearest", range(1))
    assert table_line(markdown_of(tmp_path), "nearest")[1] == "10.00"


def test_rows_go_from_largest_error_to_least_and_failures_come_last(
    tmp_path: Path,
) -> None:
    add_run(tmp_path, "good", range(1))
    add_failure(tmp_path, "broken", "no memory")
    add_run(tmp_path, "poor", range(6))
    add_run(tmp_path, "middling", range(4))
    names = [row.method for row in rows_of(tmp_path)]
    assert names == ["poor", "middling", "good", "broken"]


def test_p_value_compares_with_the_next_better_row(tmp_path: Path) -> None:
    add_run(tmp_path, "better", range(9, 10))
    add_run(tmp_path, "worse", range(5))  # right alone on image 9; 5 times wrong alone
    add_failure(tmp_path, "broken", "no memory")
    worse, better, broken = rows_of(tmp_path)
    assert worse["p_next"] == 0.21875
    assert math.isnan(better["p_next"])
    assert math.isnan(broken["p_next"])
    assert table_line(markdown_of(tmp_path), "worse")[5] == "0.22"


def test_failed_method_is_shown_with_its_reason(tmp_path: Path) -> None:
    add_run(tmp_path, "good")
    add_failure(tmp_path, "broken", "MemoryError: kernel cache")
    line = table_line(markdown_of(tmp_path), "broken")
    assert line[1] == "failed: MemoryError: kernel cache"


def test_failed_seed_beside_good_ones_is_told(tmp_path: Path) -> None:
    add_run(tmp_path, "nearest", range(1), seed=0)
    add_failure(tmp_path, "nearest", "out of memory", seed=1)
    (row,) = rows_of(tmp_path)
    assert (row.seeds, row["error_pct"]) == ((0,), 10)
    line = table_line(markdown_of(tmp_path), "nearest")
    assert line[1] == "10.00 (a seed failed: out of memory)"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"preset": "quick"}, "a quick run; only full runs may enter the table"),
        ({"dirty": True}, "a run of uncommitted code"),
    ],
)
def test_run_that_is_no_evidence_is_refused(
    tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    add_run(tmp_path, "good")
    path = add_run(tmp_path, "nearest", **changes)
    with pytest.raises(BadInput, match=re.escape(f"{path}: {fault}")):
        read_runs(tmp_path, "mnist")


def test_tampered_predictions_stop_the_report(tmp_path: Path) -> None:
    add_run(tmp_path, "good")
    beside = add_run(tmp_path, "nearest", range(3)).with_suffix(".npy")
    np.save(beside, np.stack([TRUTH, TRUTH]))
    with pytest.raises(BadInput, match=re.escape(f"{beside}: 10 predictions are")):
        read_runs(tmp_path, "mnist")


def test_record_under_another_seeds_or_methods_name_is_refused(tmp_path: Path) -> None:
    original = add_run(tmp_path, "nearest")
    for copy in (
        record_path(tmp_path, "mnist", "nearest", 1),
        record_path(tmp_path, "mnist", "furthest", 0),
    ):
        copy.parent.mkdir(exist_ok=True)
        for ending in (".json", ".npy"):
            content = original.with_suffix(ending).read_bytes()
            copy.with_suffix(ending).write_bytes(content)
        with pytest.raises(BadInput, match=re.escape(str(copy))):
            read_runs(tmp_path, "mnist")
        copy.unlink()
        copy.with_suffix(".npy").unlink()


@pytest.mark.parametrize("truth", [TRUTH[:8], TRUTH[::-1].copy()])
def test_runs_on_other_test_images_are_not_compared(
    tmp_path: Path, truth: np.ndarray
) -> None:
    add_run(tmp_path, "good")
    path = add_run(tmp_path, "other")
    content = json.loads(path.read_text())
    content |= {"n_test": len(truth), "n_correct": len(truth)}
    path.write_text(json.dumps(content))
    np.save(path.with_suffix(".npy"), np.stack([truth, truth]))
    with pytest.raises(BadInput, match="test"):
        rows_of(tmp_path)


def test_folder_that_cannot_be_read_is_not_left_out(tmp_path: Path) -> None:
    add_run(tmp_path, "linear")
    broken = tmp_path / "mnist" / "svm_rbf"
    for target in (broken, tmp_path / "nowhere"):  # a circle, and a dead end
        broken.symlink_to(target)
        with pytest.raises((OSError, BadInput), match="svm_rbf"):
            rows_of(tmp_path)
        broken.unlink()
    broken.write_text("no folder")
    with pytest.raises(BadInput, match="svm_rbf: expected a folder, found a file"):
        rows_of(tmp_path)


def test_folder_by_two_names_is_read_to_its_end(tmp_path: Path) -> None:
    add_run(tmp_path, "linear")
    (tmp_path / "mnist" / "alias").symlink_to("linear")
    with pytest.raises(BadInput, match=r"alias/seed0.json: is of linear .* moved"):
        rows_of(tmp_path)


def test_data_set_whose_folder_is_a_dead_link_is_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="results: expected a folder, found a file or"):
        read_runs(tmp_path / "results", "mnist")


def test_report_waits_while_a_record_is_written(tmp_path: Path) -> None:
    path, read = add_run(tmp_path, "linear"), threading.Event()

    def read_all() -> None:
        read_runs(tmp_path, "mnist")
        read.set()

    reader = threading.Thread(target=read_all)
    with locked(path.parent):
        facts = path.read_bytes()
        path.unlink()  # as between the facts of two records
        reader.start()
        assert not read.wait(0.2)
        path.write_bytes(facts)
    reader.join()
    assert read.is_set()


def test_no_records_tell_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"mnist: no records; .*visbase run majority"):
        read_runs(tmp_path, "mnist")


def test_scores_that_did_not_lead_to_the_predictions_stop_the_report(
    tmp_path: Path,
) -> None:
    path = add_run(tmp_path, "first", range(2))
    scores = np.eye(6, dtype=np.float16)[np.load(path.with_suffix(".npy"))[1]]
    beside = path.with_suffix(".scores.npy")
    np.save(beside, scores)
    assert len(rows_of(tmp_path)) == 1
    for wrong in (scores[::-1], scores[:, :3]):
        np.save(beside, wrong)
        with pytest.raises(BadInput, match=r"scores.npy: are not the scores behind"):
            rows_of(tmp_path)


@pytest.mark.parametrize(
    "changes", [{"config": {"c": 2}}, {"n_train": 40}, {"family": "network"}]
)
def test_seeds_of_different_settings_are_not_averaged(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    add_run(tmp_path, "first", config={"c": 1})
    add_run(tmp_path, "first", seed=1, **{"config": {"c": 1}, **changes})
    with pytest.raises(BadInput, match=r"mnist/first: seeds 0 and 1 differ in"):
        rows_of(tmp_path)


def test_setting_that_came_later_does_not_part_the_seeds(tmp_path: Path) -> None:
    add_run(tmp_path, "first", config={"c": 1})
    add_run(tmp_path, "first", seed=1, config={"c": 1, "flip": False})
    assert rows_of(tmp_path)[0].seeds == (0, 1)


def test_record_of_another_data_set_and_predictions_alone_are_refused(
    tmp_path: Path,
) -> None:
    path = add_run(tmp_path, "first")
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "dataset": "other"}))
    with pytest.raises(BadInput, match="is of first on other"):
        rows_of(tmp_path)
    add_run(tmp_path, "second")
    path.unlink()
    with pytest.raises(BadInput, match=r"seed0.npy: has no record"):
        rows_of(tmp_path)


def test_table_survives_any_text_of_a_summary(tmp_path: Path) -> None:
    add_run(tmp_path, "first", summary="a | b <!-- table ends -->")
    markdown = markdown_of(tmp_path)
    assert r"a \| b &lt;!-- table ends -->" in markdown
