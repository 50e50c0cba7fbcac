"""Two methods together: weights by hand, McNemar's test, sentences from the rows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.soak.readers import COMBINATION
from visbase.pipeline.datasets.splits import Dataset, Split, take
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.combine import (
    best_weight,
    combine,
    mixed,
    write_combination,
)
from visbase.pipeline.experiments.measured import Combination, read_combination
from visbase.pipeline.models.methods import find_method
from visbase.reports.findings.combination import (
    combination_finding,
    combination_rows,
    sentences,
)


def test_mixed_scores_by_hand() -> None:
    first, second = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
    assert mixed(first, second, 0.25).tolist() == [[0.25, 1.5]]


def test_weight_with_fewest_errors_is_taken() -> None:
    # the first is right about both images, the second is sure and wrong
    first = np.array([[1.0, 0.0], [0.0, 1.0]])
    second = np.array([[0.0, 3.0], [3.0, 0.0]])
    weight = best_weight(first, second, np.array([0, 1]))
    assert weight == pytest.approx(0.8)  # above 3 / 4, and nearest to one half


def test_methods_that_agree_are_weighted_alike() -> None:
    scores = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert best_weight(scores, scores, np.array([0, 1])) == 0.5


def few_digits(mnist: Dataset) -> Dataset:
    train, test = mnist.train, mnist.test
    return Dataset(
        "mnist",
        Split(train.images[:1200], train.labels[:1200], train.names[:1200]),
        Split(test.images[:300], test.labels[:300], test.names[:300]),
        mnist.classes,
        "digits",
        1,
    )


def test_combination_is_written_read_and_told(
    fresh_folders: Path, mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = (find_method("linear"), find_method("svm_rbf"))
    monkeypatch.setattr(provenance, "revision", lambda: "0123456789")
    found = combine(pair, few_digits(mnist))
    monkeypatch.setattr(provenance, "revision", lambda: "9876543210")  # committed since
    assert found.n_validation == 200
    assert found.validation["weighted sum"] <= min(
        found.validation["linear"], found.validation["svm_rbf"]
    )
    path = write_combination(found, few_digits(mnist))
    assert path.is_relative_to(fresh_folders / "combination")
    again = read_combination(path)
    assert again.revision == found.revision == "0123456789"
    assert again.answers.keys() == found.answers.keys()
    for name, answers in found.answers.items():
        np.testing.assert_array_equal(again.answers[name], answers)
    shown = combination_finding(path.parents[1], "mnist", found.truth)
    assert shown is not None
    assert shown.sentences == sentences(shown.rows)
    errors = {row["answer"]: int(row["n_errors"]) for row in shown.rows}
    for name, answers in found.answers.items():
        assert errors[name] == (answers != found.truth).sum()


def test_sentence_counts_saved_errors() -> None:
    truth = np.zeros(1000, np.int64)
    first, second, both = truth.copy(), truth.copy(), truth.copy()
    first[:40] = second[:20] = both[:8] = 1
    found = Combination(
        ("a", "b"),
        0.3,
        500,
        {"a": 20, "b": 10, "weighted sum": 4},
        truth,
        {"a": first, "b": second, "weighted sum": both, "stacked": second},
        "",
    )
    (sentence,) = sentences(combination_rows(found))
    # 12 images that only the sum gets right, none the other way: 2 / 2^12
    assert sentence == (
        "a and b, put together on held-out images, against b, the better there: the "
        "weighted sum saves 12 of 20 errors (p 0.00049); stacked saves 0 of 20 errors "
        "(p 1, which may be chance)."
    )


def test_images_sorted_by_class_are_held_out_class_by_class(mnist: Dataset) -> None:
    few = few_digits(mnist)
    order = np.argsort(few.train.labels, kind="stable")
    photos = dataclasses.replace(few, train=take(few.train, order), published=False)
    found = combine((find_method("linear"), find_method("svm_rbf")), photos)
    assert found.n_validation == sum(n // 6 for n in np.bincount(few.train.labels))
    # classes that are not held out could not be stacked
    assert (found.answers["stacked"] == found.truth).mean() > 0.7


@pytest.mark.parametrize(
    ("name", "other"), [("stacked", "piled"), ('"a": 20', '"x": 20')]
)
def test_combination_of_other_answers_is_one_line(
    tmp_path: Path, name: str, other: str
) -> None:
    path = written(tmp_path, {})
    answers = read_combination(path).answers
    assert list(answers) == ["a", "b", "weighted sum", "stacked"]
    path.write_text(path.read_text().replace(name, other))
    with pytest.raises(BadInput, match="expected the answers a, b, weighted sum"):
        read_combination(path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 3), np.float32),
        np.full((5, 3), np.nan),
        np.zeros((5, 0), np.int16),
        np.zeros((4, 3), np.int16),
        np.zeros(5, np.int16),
        np.full((5, 3), -5, np.int16),
    ],
)
def test_array_that_no_combination_left_is_one_line(
    tmp_path: Path, array: np.ndarray
) -> None:
    path = written(tmp_path, {})
    np.save(path.with_suffix(".npy"), array)
    with pytest.raises(BadInput, match="not a sound combination"):
        read_combination(path)


@pytest.mark.parametrize(
    "change",
    [
        {"weight": float("inf")},
        {"weight": -0.1},
        {"weight": 10**400},
        {"weight": True},
        {"n_validation": 50.5},
        {"validation_errors": {"a": 1.9, "b": 10, "weighted sum": 4}},
        {"n_validation": float("inf")},
        {"n_validation": 19},
        {"validation_errors": {"a": -1, "b": 10, "weighted sum": 4}},
        {"methods": ["a", "c"], "answers": ["a", "c", "weighted sum", "stacked"]},
    ],
)
def test_facts_that_no_combination_left_are_one_line(
    tmp_path: Path, change: dict[str, object]
) -> None:
    with pytest.raises(BadInput, match="not a sound combination"):
        read_combination(written(tmp_path, change))


def test_combination_of_other_test_images_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    written(folder, {})
    assert combination_finding(tmp_path, "mnist", np.zeros(3, int)) is not None
    for truth in (np.ones(3, int), np.zeros(4, int)):
        with pytest.raises(BadInput, match=r"a\+b.json: .* other test images"):
            combination_finding(tmp_path, "mnist", truth)


def test_combination_that_is_no_evidence_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    path = written(folder, {"commit": "0123456789+"})
    with pytest.raises(BadInput, match="measured by uncommitted code"):
        combination_finding(tmp_path, "mnist", np.zeros(3, int))
    path.unlink()
    with pytest.raises(BadInput, match=r"a\+b.npy: has no facts beside it"):
        combination_finding(tmp_path, "mnist", np.zeros(3, int))


def test_combination_that_could_not_be_written_whole_leaves_the_old_one(
    fresh_folders: Path, mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_combination(written(fresh_folders, {}))
    path = write_combination(found, mnist)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.save", full)
    with pytest.raises(OSError, match="No space"):
        write_combination(found, mnist)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def written(folder: Path, change: dict[str, object]) -> Path:
    """A combination of a and b on three test images, its facts changed."""
    path = folder / "a+b.json"
    np.save(path.with_suffix(".npy"), np.zeros((5, 3), np.int16))
    path.write_text(json.dumps(COMBINATION | change))
    return path


def test_torn_combination_is_one_line(fresh_folders: Path, mnist: Dataset) -> None:
    path = fresh_folders / "mnist" / "a+b.json"
    path.parent.mkdir()
    path.write_text('{"methods": ["a", "b"]')
    with pytest.raises(BadInput, match="not a sound combination"):
        read_combination(path)
