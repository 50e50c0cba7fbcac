"""Two methods combined: weights by hand, McNemar's test, sentences from the rows."""

import dataclasses
import re
from pathlib import Path
from unittest.mock import Mock, patch

import msgspec
import numpy as np
import pytest

from tests.pipeline.builders import COMBINATION, write_combination_files
from visbase.pipeline.datasets.splits import Dataset, take, validation_split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import combine, measured, provenance
from visbase.pipeline.models.methods import find_method
from visbase.reports.findings.combination import combination_rows, sentences

PAIR = (find_method("linear"), find_method("svm_rbf"))


def test_mixed_scores_by_hand() -> None:
    first, second = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
    assert combine.mixed(first, second, 0.25).tolist() == [[0.25, 1.5]]


def test_weight_with_fewest_errors_is_chosen() -> None:
    # the first is right about both images, the second is sure and wrong
    first = np.array([[1.0, 0.0], [0.0, 1.0]])
    second = np.array([[0.0, 3.0], [3.0, 0.0]])
    weight = combine.best_weight(first, second, np.array([0, 1]))
    assert weight == pytest.approx(0.8)  # above 3 / 4, and nearest to one half
    assert combine.best_weight(first, first, np.array([0, 1])) == 0.5


# the code is committed between fitting and writing
@patch.object(provenance, "revision", Mock(side_effect=["0123456789", "9876543210"]))
def test_combination_is_written_and_read(fresh_folders: Path, few: Dataset) -> None:
    combination = combine.combine(PAIR, few)
    facts, errors = combination.facts, combination.facts.validation_errors
    n_validation = len(validation_split(few, seed=0)[1])
    assert (facts.n_validation, facts.commit) == (n_validation, "0123456789")
    assert errors["weighted sum"] <= min(errors[name] for name in facts.methods)
    path = combine.write_combination(combination, few)
    assert path.is_relative_to(fresh_folders / "combination")
    again = measured.read_combination(path)
    assert again.facts == facts
    np.testing.assert_equal(again.answers, combination.answers)
    np.testing.assert_equal(again.truth, few.test.labels)


def test_sentence_counts_errors_and_tests_their_difference() -> None:
    truth = np.zeros(1000, np.int64)
    first, second, both = truth.copy(), truth.copy(), truth.copy()
    first[:40] = second[:20] = both[:8] = 1
    answers = {"a": first, "b": second, "weighted sum": both, "stacked": second}
    facts = msgspec.convert(COMBINATION, measured.CombinationFacts)
    combination = measured.Combination(facts, truth, answers)
    (sentence,) = sentences(combination_rows(combination))
    # 12 images that only the sum gets right, none the other way: 2 / 2^12
    for words in ("b alone (20 errors)", "8 errors (p = 0.00049)", "20 errors (p = 1,"):
        assert words in sentence


def test_images_sorted_by_class_are_held_out_per_class(few: Dataset) -> None:
    labels = few.train.labels
    train = take(few.train, np.argsort(labels, kind="stable"))
    train = dataclasses.replace(train, writers=None)
    photos = dataclasses.replace(few, train=train, published=False)
    combination = combine.combine(PAIR, photos)
    assert combination.facts.n_validation == sum(n // 6 for n in np.bincount(labels))
    # classes that are not held out could not be stacked
    assert (combination.answers["stacked"] == combination.truth).mean() > 0.7


def test_held_out_images_of_one_class_are_one_line(few: Dataset) -> None:
    rows = np.concatenate(
        [np.flatnonzero(few.train.labels == k)[:n] for k, n in ((0, 8), (1, 1))]
    )
    photos = dataclasses.replace(few, train=take(few.train, rows), published=False)
    photos = dataclasses.replace(
        photos, train=dataclasses.replace(photos.train, writers=None)
    )
    with pytest.raises(BadInput, match="are all of one class"):
        combine.combine(PAIR, photos)


def test_array_that_is_no_combination_is_named(tmp_path: Path) -> None:
    beside = write_combination_files(tmp_path).with_suffix(".npy")
    for shape, value in (((5, 3), 0.0), ((4, 3), 0), ((5,), 0), ((5, 3), -5)):
        np.save(beside, np.full(shape, value))
        with pytest.raises(BadInput, match=re.escape(f"{beside}: ")):
            measured.read_combination(beside.with_suffix(".json"))
