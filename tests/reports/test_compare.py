"""The comparison: numbers are recounted from predictions, doubtful records refused."""

import math
from concurrent.futures import ThreadPoolExecutor
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
from visbase.pipeline.storage.folder_lock import locked
from visbase.reports.compare import read_runs, require_images_of
from visbase.reports.published import lecture_figure


def test_error_and_times_are_means_over_good_seeds(tmp_path: Path) -> None:
    add_run(tmp_path, "nearest", range(1), seed=0)
    add_run(tmp_path, "nearest", range(3), seed=1)
    add_failure(tmp_path, "nearest", "out of memory", seed=2)
    (row,) = rows_of(tmp_path)
    assert row.seeds == (0, 1)
    assert row["error_pct"] == pytest.approx(20)  # of 10 % and 30 %
    assert row["deviation_pct"] == pytest.approx(math.sqrt(200))
    # Wilson's interval of 2 of 10
    assert (row["low_pct"], row["high_pct"]) == pytest.approx((5.668, 50.984), abs=1e-3)
    assert (row["fit_s"], row["predict_s"]) == (15.0, 1.5)
    line = table_line(markdown_of(tmp_path), "nearest")
    assert line[1] == "20.00 ± 14.14 (a seed failed: out of memory)"
    assert [line[2], *line[4:8]] == ["5.67 to 50.98", "2", "", "15", "1.5"]


def test_rows_are_sorted_by_error_and_compared_with_the_next(tmp_path: Path) -> None:
    add_run(tmp_path, "good", range(9, 10))
    add_failure(tmp_path, "broken", "MemoryError: kernel cache")
    add_run(tmp_path, "poor", range(6))
    add_run(tmp_path, "middling", range(5))  # alone: right on image 9, wrong on five
    rows = rows_of(tmp_path)
    assert [row.method for row in rows] == ["poor", "middling", "good", "broken"]
    chances = [row["p_next"] for row in rows]
    np.testing.assert_array_equal(chances, [1, 0.21875, np.nan, np.nan])
    markdown = markdown_of(tmp_path)
    assert table_line(markdown, "middling")[5] == "0.22"
    assert table_line(markdown, "broken")[1] == "failed: MemoryError: kernel cache"


def test_runs_on_a_gpu_are_a_row_of_their_own(tmp_path: Path) -> None:
    add_run(tmp_path, "lenet5", range(3))
    add_run(tmp_path, "lenet5", range(1), device="cuda (NVIDIA H100)", config={"a": 1})
    on_cpu, on_gpu = rows_of(tmp_path)
    assert (on_cpu.method, on_gpu.method) == ("lenet5", "lenet5-cuda")
    assert (on_cpu["error_pct"], on_gpu["error_pct"]) == pytest.approx((30, 10))
    assert on_gpu.summary == "the lenet5 method, GPU"
    assert lecture_figure("mnist", "lenet5-cuda") == lecture_figure("mnist", "lenet5")
    small, wide = (
        lecture_figure("cifar10", name) for name in ("maxout", "wide_maxout-cuda")
    )
    assert small is not None and wide is not None
    assert small.error_pct == wide.error_pct == 11.68
    assert small.ours != wide.ours
    (stray,) = tmp_path.rglob("seed0.cuda.json")
    stray.unlink()
    with pytest.raises(BadInput, match=r"has no record seed0\.cuda\.json"):
        rows_of(tmp_path)


def test_seed_on_another_processor_counts_in_the_deviation_not_in_times(
    tmp_path: Path,
) -> None:
    add_run(tmp_path, "good", range(1), cpu="Xeon")
    add_run(tmp_path, "good", range(2), cpu="Xeon", seed=1)
    elsewhere = add_run(tmp_path / "elsewhere", "good", range(3), cpu="AMD", fit_s=99.0)
    for file in elsewhere.parent.glob("seed0.*"):
        beside = tmp_path.joinpath("mnist/good", file.name.replace("0.", "0-amd."))
        file.rename(beside)
    (row,) = rows_of(tmp_path)
    assert row["error_pct"] == pytest.approx(20)
    assert row["deviation_pct"] == pytest.approx(10)
    assert (row["n_seeds"], row["fit_s"]) == (2, 15)
    markdown = markdown_of(tmp_path)
    assert "1 run (good again) on AMD" in markdown
    assert "2 runs (good) on Xeon" in markdown
    facts = tmp_path / "mnist/good/seed0-amd.json"
    facts.write_text(facts.read_text().replace('"AMD"', '"Xeon"'))
    with pytest.raises(BadInput, match="two records of one seed and processor"):
        rows_of(tmp_path)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"preset": "quick"}, r"seed1\.json: .* quick"),
        ({"dirty": True}, r"seed1\.json: .* uncommitted"),
        ({"truth": TRUTH[:8]}, r"seed1\.json: .* other test images"),
        ({"truth": TRUTH[::-1].copy()}, r"seed1\.json: .* other test images"),
        ({"config": {"c": 2}}, "mnist/first: seeds 0 and 1 differ in config c"),
        ({"n_train": 40}, "mnist/first: seeds 0 and 1 differ in n_train"),
        ({"family": "network"}, "mnist/first: seeds 0 and 1 differ in family"),
    ],
)
def test_incomparable_run_is_refused(tmp_path: Path, changes: Any, fault: str) -> None:
    add_run(tmp_path, "first", config={"c": 1})
    add_run(tmp_path, "first", seed=1, config={"c": 1, "added_later": False})
    assert rows_of(tmp_path)[0].seeds == (0, 1)
    add_run(tmp_path, "first", seed=1, **{"config": {"c": 1}, **changes})
    with pytest.raises(BadInput, match=fault):
        rows_of(tmp_path)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("mnist/linear/seed1.json", "seed0.json"),
        ("mnist/alias", "linear"),  # which is locked only once
        ("tiny", "mnist"),
    ],
)
def test_misplaced_record_is_refused(tmp_path: Path, link: str, target: str) -> None:
    add_run(tmp_path, "linear")
    (tmp_path / link).symlink_to(target)
    with pytest.raises(BadInput, match=rf"{link}\S*: .* linear on mnist, seed 0"):
        read_runs(tmp_path, link.partition("/")[0])


@pytest.mark.parametrize("target", ["svm_rbf", "nowhere", "linear/seed0.npy"])
def test_unreadable_folder_is_not_left_out(tmp_path: Path, target: str) -> None:
    add_run(tmp_path, "linear")
    link = tmp_path / "mnist" / "svm_rbf"
    link.symlink_to(target)  # a circle, a dead end or a file
    for results in (tmp_path, link):
        with pytest.raises((OSError, BadInput), match="svm_rbf"):
            read_runs(results, "mnist")


def test_report_waits_while_a_record_is_written(tmp_path: Path) -> None:
    path = add_run(tmp_path, "linear")
    with ThreadPoolExecutor() as pool:
        with locked(path.parent):
            facts = path.read_bytes()
            path.unlink()  # as happens while one record replaces another
            reading = pool.submit(read_runs, tmp_path, "mnist")
            with pytest.raises(TimeoutError):
                reading.result(timeout=0.2)
            path.write_bytes(facts)
        assert len(reading.result()) == 1


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
    add_run(tmp_path, "second")
    path.unlink()
    with pytest.raises(BadInput, match=r"first/seed0.*npy: has no record seed0\.json"):
        rows_of(tmp_path)


def test_records_of_other_labels_or_classes_are_refused(tmp_path: Path) -> None:
    add_run(tmp_path, "linear", dataset="tiny")
    runs, data = read_runs(tmp_path, "tiny"), tiny_dataset("tiny")
    require_images_of(data, runs)
    other = replace(data, test=replace(data.test, labels=data.test.labels[::-1]))
    with pytest.raises(BadInput, match="tiny: its test labels differ"):
        require_images_of(other, runs)
    fewer = replace(data, classes=data.classes[:4])
    with pytest.raises(BadInput, match=r"seed0.npy: expected predictions from 0 to 3"):
        require_images_of(fewer, runs)
