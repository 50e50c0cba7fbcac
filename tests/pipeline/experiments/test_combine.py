"""Two methods combined: weights by hand, McNemar's test, sentences from the rows."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.pipeline.builders import COMBINATION, write_combination_files
from visbase.pipeline.datasets.splits import Dataset, take
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.combine import (
    best_weight,
    combine,
    mixed,
    write_combination,
)
from visbase.pipeline.experiments.measured import (
    Combination,
    CombinationFacts,
    read_combination,
)
from visbase.pipeline.models.methods import find_method
from visbase.reports.findings.combination import (
    combination_rows,
    sentences,
)


def test_mixed_scores_by_hand() -> None:
    first, second = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
    assert mixed(first, second, 0.25).tolist() == [[0.25, 1.5]]


def test_weight_with_fewest_errors_is_chosen() -> None:
    # the first is right about both images, the second is sure and wrong
    first = np.array([[1.0, 0.0], [0.0, 1.0]])
    second = np.array([[0.0, 3.0], [3.0, 0.0]])
    weight = best_weight(first, second, np.array([0, 1]))
    assert weight == pytest.approx(0.8)  # above 3 / 4, and nearest to one half
    assert best_weight(first, first, np.array([0, 1])) == 0.5


def test_combination_is_written_read_and_reported(
    fresh_folders: Path, few_digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = (find_method("linear"), find_method("svm_rbf"))
    monkeypatch.setattr(provenance, "revision", lambda: "0123456789")
    combination = combine(pair, few_digits)
    monkeypatch.setattr(provenance, "revision", lambda: "9876543210")  # committed since
    facts = combination.facts
    assert (facts.n_validation, facts.commit) == (200, "0123456789")
    assert facts.validation_errors["weighted sum"] <= min(
        facts.validation_errors[name] for name in facts.methods
    )
    path = write_combination(combination, few_digits)
    assert path.is_relative_to(fresh_folders / "combination")
    again = read_combination(path)
    assert again.facts == facts
    np.testing.assert_equal(again.answers, combination.answers)
    np.testing.assert_equal(again.truth, few_digits.test.labels)


def test_sentence_counts_errors_and_tests_their_difference() -> None:
    truth = np.zeros(1000, np.int64)
    first, second, both = truth.copy(), truth.copy(), truth.copy()
    first[:40] = second[:20] = both[:8] = 1
    answers = {"a": first, "b": second, "weighted sum": both, "stacked": second}
    facts = msgspec.convert(COMBINATION, CombinationFacts)
    (sentence,) = sentences(combination_rows(Combination(facts, truth, answers)))
    # 12 images that only the sum gets right, none the other way: 2 / 2^12
    for words in ("b alone (20 errors)", "8 errors (p = 0.00049)", "20 errors (p = 1,"):
        assert words in sentence


def test_images_sorted_by_class_are_held_out_per_class(few_digits: Dataset) -> None:
    labels = few_digits.train.labels
    train = take(few_digits.train, np.argsort(labels, kind="stable"))
    photos = dataclasses.replace(few_digits, train=train, published=False)
    combination = combine((find_method("linear"), find_method("svm_rbf")), photos)
    assert combination.facts.n_validation == sum(n // 6 for n in np.bincount(labels))
    # classes that are not held out could not be stacked
    assert (combination.answers["stacked"] == combination.truth).mean() > 0.7


@pytest.mark.parametrize(
    ("shape", "value"), [((5, 3), 0.0), ((4, 3), 0), ((5,), 0), ((5, 3), -5)]
)
def test_array_that_is_no_combination_is_named(
    tmp_path: Path, shape: tuple[int, ...], value: float
) -> None:
    beside = write_combination_files(tmp_path).with_suffix(".npy")
    np.save(beside, np.full(shape, value))
    with pytest.raises(BadInput, match=re.escape(f"{beside}: ")):
        read_combination(beside.with_suffix(".json"))
