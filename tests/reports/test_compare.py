"""The comparison: numbers are recounted from predictions, doubtful records refused."""

from __future__ import annotations

import json
import math
import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reports.builders import (
    TRUTH,
    add_failure,
    add_run,
    markdown_of,
    rows_of,
    table_line,
    tiny_dataset,
)
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import record_path
from visbase.pipeline.storage.folder_lock import locked
from visbase.reports.compare import read_runs, require_images_of


def test_error_and_times_are_means_over_seeds(tmp_path: Path) -> None:
    add_run(tmp_path, "nearest", range(1), seed=0)
    add_run(tmp_path, "nearest", range(3), seed=1)
    (row,) = rows_of(tmp_path)
    assert row.seeds == (0, 1)
    assert row["error_pct"] == pytest.approx(20)  # of 10 % and 30 %
    assert row["deviation_pct"] == pytest.approx(math.sqrt(200))
    # Wilson's interval of 2 of 10
    assert (row["low_pct"], row["high_pct"]) == pytest.approx((5.668, 50.984), abs=1e-3)
    assert (row["fit_s"], row["predict_s"]) == (15.0, 1.5)
    line = table_line(markdown_of(tmp_path), "nearest")
    assert line[1:3] == ["20.00 ± 14.14", "5.67 to 50.98"]
    assert line[4:8] == ["2", "", "15", "1.5"]


def test_rows_are_sorted_by_error_with_failures_last(tmp_path: Path) -> None:
    add_run(tmp_path, "good", range(1))
    add_failure(tmp_path, "broken", "MemoryError: kernel cache")
    add_run(tmp_path, "poor", range(6))
    add_run(tmp_path, "middling", range(4))
    names = [row.method for row in rows_of(tmp_path)]
    assert names == ["poor", "middling", "good", "broken"]
    line = table_line(markdown_of(tmp_path), "broken")
    assert line[1] == "failed: MemoryError: kernel cache"


def test_p_value_compares_with_the_next_better_row(tmp_path: Path) -> None:
    add_run(tmp_path, "better", range(9, 10))
    add_run(tmp_path, "worse", range(5))  # right alone on image 9; 5 times wrong alone
    add_failure(tmp_path, "broken", "no memory")
    worse, better, broken = rows_of(tmp_path)
    assert worse["p_next"] == 0.21875
    assert math.isnan(better["p_next"])
    assert math.isnan(broken["p_next"])
    assert table_line(markdown_of(tmp_path), "worse")[5] == "0.22"


def test_failed_seed_is_shown_beside_the_good_ones(tmp_path: Path) -> None:
    add_run(tmp_path, "nearest", range(1), seed=0)
    add_failure(tmp_path, "nearest", "out of memory", seed=1)
    (row,) = rows_of(tmp_path)
    assert (row.seeds, row["error_pct"]) == ((0,), 10)
    line = table_line(markdown_of(tmp_path), "nearest")
    assert line[1] == "10.00 (a seed failed: out of memory)"  # and no deviation


@pytest.mark.parametrize(
    ("changes", "fault"),
    [({"preset": "quick"}, "a quick run"), ({"dirty": True}, "uncommitted code")],
)
def test_quick_and_uncommitted_runs_are_refused(
    tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    add_run(tmp_path, "good")
    path = add_run(tmp_path, "nearest", **changes)
    with pytest.raises(BadInput, match=f"{re.escape(str(path))}: .*{fault}"):
        read_runs(tmp_path, "mnist")


def test_record_under_the_name_of_another_run_is_refused(tmp_path: Path) -> None:
    original = add_run(tmp_path, "nearest")
    for copy in (
        record_path(tmp_path, "mnist", "nearest", 1),
        record_path(tmp_path, "mnist", "furthest", 0),
        record_path(tmp_path, "tiny", "nearest", 0),
    ):
        copy.parent.mkdir(exist_ok=True, parents=True)
        for ending in (".json", ".npy"):
            content = original.with_suffix(ending).read_bytes()
            copy.with_suffix(ending).write_bytes(content)
        with pytest.raises(BadInput, match=re.escape(f"{copy}: expected")):
            read_runs(tmp_path, copy.parts[-3])
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
    with pytest.raises(BadInput, match="other test images"):
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
    with pytest.raises(BadInput, match="svm_rbf: expected a folder"):
        rows_of(tmp_path)
    (tmp_path / "results").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="results: expected a folder"):
        read_runs(tmp_path / "results", "mnist")


def test_folder_with_two_names_is_locked_once_and_refused(tmp_path: Path) -> None:
    add_run(tmp_path, "linear")
    (tmp_path / "mnist" / "alias").symlink_to("linear")
    with pytest.raises(BadInput, match=r"alias/seed0.json: .* found linear on mnist"):
        rows_of(tmp_path)


def test_report_waits_while_a_record_is_written(tmp_path: Path) -> None:
    path, read = add_run(tmp_path, "linear"), threading.Event()

    def read_all() -> None:
        read_runs(tmp_path, "mnist")
        read.set()

    reader = threading.Thread(target=read_all)
    with locked(path.parent):
        facts = path.read_bytes()
        path.unlink()  # as happens while one record replaces another
        reader.start()
        assert not read.wait(0.2)
        path.write_bytes(facts)
    reader.join()
    assert read.is_set()


def test_message_without_records_names_a_command(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"mnist: no records.*`visbase run majority"):
        read_runs(tmp_path, "mnist")


def test_arrays_that_disagree_with_their_record_are_refused(tmp_path: Path) -> None:
    path = add_run(tmp_path, "first", range(2))
    predictions, stored = path.with_suffix(".npy"), path.with_suffix(".scores.npy")
    scores = np.eye(6, dtype=np.float16)[np.load(predictions)[1]]
    np.save(stored, scores)
    assert len(rows_of(tmp_path)) == 1
    for wrong in (scores[::-1], scores[:, :3]):
        np.save(stored, wrong)
        with pytest.raises(BadInput, match=r"scores\.npy: the scores disagree"):
            rows_of(tmp_path)
    np.save(predictions, np.stack([TRUTH, TRUTH]))
    with pytest.raises(BadInput, match=re.escape(f"{predictions}: 10 predictions")):
        rows_of(tmp_path)
    add_run(tmp_path, "second")
    path.unlink()
    with pytest.raises(BadInput, match=r"first/seed0.*npy: has no record seed0\.json"):
        rows_of(tmp_path)


@pytest.mark.parametrize(
    "changes", [{"config": {"c": 2}}, {"n_train": 40}, {"family": "network"}]
)
def test_seeds_with_different_settings_are_not_averaged(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    add_run(tmp_path, "first", config={"c": 1})
    add_run(tmp_path, "first", seed=1, config={"c": 1, "added_later": False})
    assert rows_of(tmp_path)[0].seeds == (0, 1)
    add_run(tmp_path, "first", seed=1, **{"config": {"c": 1}, **changes})
    with pytest.raises(BadInput, match=r"mnist/first: seeds 0 and 1 differ in"):
        rows_of(tmp_path)


def test_records_of_other_labels_or_classes_are_refused(tmp_path: Path) -> None:
    add_run(tmp_path, "linear", dataset="tiny")
    runs = read_runs(tmp_path, "tiny")
    data = tiny_dataset("tiny")
    require_images_of(data, runs)
    other = replace(data, test=replace(data.test, labels=data.test.labels[::-1]))
    with pytest.raises(BadInput, match="tiny: its test labels differ"):
        require_images_of(other, runs)
    fewer = replace(data, classes=data.classes[:4])
    with pytest.raises(BadInput, match=r"seed0.npy: expected predictions from 0 to 3"):
        require_images_of(fewer, runs)
