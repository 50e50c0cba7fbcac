"""Two methods together: weights by hand, McNemar's test, sentences from the rows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.combine import best_weight, combine, mixed, write_combination
from pipeline.data import Dataset, Split, take
from pipeline.errors import BadInput
from pipeline.measured import Combination, read_combination
from pipeline.methods import find_method
from reports.combination import combination_finding, combination_rows, sentences


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
    )


def test_combination_is_written_read_and_told(
    fresh_folders: Path, mnist: Dataset
) -> None:
    pair = (find_method("linear"), find_method("svm_rbf"))
    found = combine(pair, few_digits(mnist))
    assert found.n_validation == 200
    assert found.validation["weighted sum"] <= min(
        found.validation["linear"], found.validation["svm_rbf"]
    )
    path = write_combination(found, few_digits(mnist))
    again = read_combination(path)
    assert again.answers.keys() == found.answers.keys()
    for name, answers in found.answers.items():
        np.testing.assert_array_equal(again.answers[name], answers)
    shown = combination_finding(path.parents[1], "mnist")
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
    path = tmp_path / "a+b.json"
    facts = {
        "methods": ["a", "b"],
        "weight": 0.5,
        "n_validation": 50,
        "validation_errors": {"a": 20, "b": 10, "weighted sum": 4},
        "answers": ["a", "b", "weighted sum", "stacked"],
    }
    np.save(path.with_suffix(".npy"), np.zeros((5, 3), np.int16))
    path.write_text(json.dumps(facts))
    assert read_combination(path).answers.keys() == {*facts["answers"]}
    path.write_text(json.dumps(facts).replace(name, other))
    with pytest.raises(BadInput, match="expected the answers a, b, weighted sum"):
        read_combination(path)


def test_torn_combination_is_one_line(fresh_folders: Path, mnist: Dataset) -> None:
    path = fresh_folders / "mnist" / "a+b.json"
    path.parent.mkdir()
    path.write_text('{"methods": ["a", "b"]')
    with pytest.raises(BadInput, match="not a sound combination"):
        read_combination(path)
