"""A comparison on a folder runs what is missing, and only that."""

import json
import shutil
from pathlib import Path
from subprocess import DEVNULL

import numpy as np
import pytest

from tests.command_line import refusal, start_visbase
from visbase.pipeline.experiments import contest
from visbase.pipeline.experiments.contestant import (
    Task,
    _fingerprint,
    find_record,
    load_split,
    run_task,
    sample_rows,
)
from visbase.pipeline.models.methods import find_method
from visbase.reports.comparison.contestants import read_contestant


@pytest.fixture
def photos(fresh_folders: Path) -> Path:
    """Twelve images of two classes."""
    from PIL import Image

    root = fresh_folders / "photos"
    for i in range(12):
        path = root / ("dark", "light")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 120, (8, 8), np.uint8)
        Image.fromarray(pixels + np.uint8(120 * (i % 2))).save(path)
    return root


def run_here(tasks: list[Task], report: contest.Report) -> None:
    """Run tasks in the test's process, which is quicker."""
    for task in tasks:
        for record in run_task(task):
            report(record.line())


def run(photos: Path, methods: list[str]) -> list[str]:
    """Compare the methods on two splits; the lines that were reported."""
    lines: list[str] = []
    results = photos.parent / "results"
    splitting = {"test_fraction": 0.34}
    entries = contest.Contest(photos, methods, "full", 2, splitting, results).run(
        lines.append
    )
    assert [entry.method for entry in entries] == methods
    assert all(len(e.records) == 2 and e.failure is None for e in entries)
    return [line for line in lines if line.endswith("to do")]


def test_only_what_is_missing_is_run(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contest, "run_in_own_process", run_here)
    assert run(photos, ["majority"]) == ["majority: 2 of 2 runs to do"]
    assert run(photos, ["majority"]) == []
    (record,) = (photos.parent / "results").glob("*/majority/seed1.json")
    record.unlink()
    both = ["majority", "linear"]
    anew = ["majority: 1 of 2 runs to do", "linear: 2 of 2 runs to do"]
    assert run(photos, both) == [*anew, "linear: 2 of 2 runs to do"]  # learning curve


def test_the_curve_has_the_numbers_of_images_that_were_drawn(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contest, "run_in_own_process", run_here)
    arguments = "full", 1, {"test_fraction": 0.34}, photos.parent
    (entry,) = contest.Contest(photos, ["linear"], *arguments).run(lambda _: None)
    one = read_contestant("linear", entry.records, None, entry.parts)
    assert one.curve is not None
    assert one.answers[0].record.n_train == 8
    assert one.curve[0] == [2, 2, 4, 8]  # an eighth is at least one of each class


def test_the_code_of_a_network_is_part_of_its_fingerprint(photos: Path) -> None:
    task = Task("alexnet", str(photos), "full", [0], {"test_fraction": 0.34}, "")
    dataset = load_split(task, 0)
    names = ("alexnet", "googlenet", "vgg16")  # one module, three files
    assert len({_fingerprint(task, find_method(n), dataset) for n in names}) == 3


def test_repeats_of_a_split_that_is_given_are_refused(photos: Path) -> None:
    for part in ("train", "test"):
        shutil.copytree(photos, photos.parent / "split" / part)
    refused = refusal("compare", photos.parent / "split", "--repeats", 3)
    assert "has its own split; leave out --repeats" in refused


def test_a_record_counts_as_long_as_the_photographs_are_the_same(photos: Path) -> None:
    splitting = {"test_fraction": 0.34}
    task = Task("majority", str(photos), "full", [0], splitting, str(photos.parent))
    (record,) = run_task(task)
    assert find_record(task, load_split(task, 0), 0) == record
    next((photos / "dark").iterdir()).unlink()
    assert find_record(task, load_split(task, 0), 0) is None


def test_a_method_that_fails_is_shown_with_its_reason(photos: Path) -> None:
    splitting = {"test_fraction": 0.34}
    one = contest.Contest(photos, ["lenet5"], "full", 1, splitting, photos.parent)
    (entry,) = one.run(lambda _: None)
    assert entry.failure is not None
    assert "8 x 8 pixels" in entry.failure
    assert entry.records == []


def test_a_contestant_ends_with_the_program_that_started_it(photos: Path) -> None:
    task = {"method": "majority", "root": str(photos), "preset": "full", "seeds": [0]}
    task |= {"splitting": {"test_fraction": 0.34}, "results": str(photos.parent)}
    # the system closes the other end of its input when the parent is killed
    child = start_visbase("contestant", json.dumps([task]), stdin=DEVNULL)
    assert child.wait(timeout=30) == 1
    assert not list(photos.parent.rglob("seed0.json"))


def test_parts_of_each_class_are_nested() -> None:
    labels = np.repeat([0, 1, 2], [80, 16, 1])
    small, large = (sample_rows(labels, part, seed=3) for part in (1 / 8, 1 / 2))
    assert np.bincount(labels[small]).tolist() == [10, 2, 1]
    assert np.bincount(labels[large]).tolist() == [40, 8, 1]
    assert set(small) <= set(large)
    assert set(small) != set(sample_rows(labels, 1 / 8, seed=4))
