"""Which files of a folder are suspicious."""

import numpy as np

from tests.reports.comparison.builders import answers, contestant
from visbase.pipeline.datasets.findings import Copies
from visbase.reports.comparison.suspicion import find_suspicious

NAMES = [f"cat/{i}" for i in range(4)] + [f"dog/{i}" for i in range(4)]
TRUTH = [0, 0, 0, 0, 1, 1, 1, 1]


def test_confident_agreement_on_another_label_is_a_possible_wrong_label() -> None:
    """The methods are 75 % sure of dogs on average, which cat/3 does not reach."""
    sure = [0.9, 0.9, 0.9, 0.7, 0.75, 0.75, 0.75, 0.75]
    said = [0, 0, 1, 1, 1, 1, 1, 1]
    others = [0, 1, 1, 1, 1, 1, 1, 1]
    both = [
        contestant(answers("one", NAMES, TRUTH, said, sure)),
        contestant(answers("two", NAMES, TRUTH, others, sure)),
        contestant(answers("majority", NAMES, TRUTH, [0] * 8)),
    ]
    (found,) = find_suspicious(both, [], [])
    assert (found.kind, found.names) == ("mislabelled", ("cat/2",))
    text = "cat/2 is labelled cat; one and two say dog, 90 % sure on average."
    assert found.sentence == text


def test_a_label_that_one_split_confirms_is_not_suspicious() -> None:
    wrong = [1, 0, 0, 0, 1, 1, 1, 1]
    sure = [0.9] * 8
    splits = [answers("one", NAMES, TRUTH, wrong, sure)]
    assert len(find_suspicious([contestant(*splits)], [], [])) == 1
    splits.append(answers("one", NAMES[:2], [0, 0], [0, 0], [0.9, 0.9], seed=1))
    assert find_suspicious([contestant(*splits)], [], []) == []


def test_nobody_is_confident_without_probabilities_or_below_one_half() -> None:
    wrong = np.array([1, 0, 0, 0, 1, 1, 1, 1])
    without = contestant(answers("one", NAMES, TRUTH, wrong.tolist()))
    unsure = contestant(answers("one", NAMES, TRUTH, wrong.tolist(), [0.45] * 8))
    assert find_suspicious([without], [], []) == []
    assert find_suspicious([unsure], [], []) == []


def test_copies_matter_across_classes_and_across_the_split() -> None:
    copies = [
        Copies(("cat/0", "cat/1"), ("cat", "cat"), ("test", "test")),
        Copies(("cat/2", "cat/9"), ("cat", "cat"), ("test", "train")),
        Copies(("cat/4", "cat/5"), ("cat", "cat"), ("test", "dropped")),
        Copies(("dog/0", "cat/3"), ("dog", "cat"), ("train", "train")),
    ]
    across_classes, across_split = find_suspicious([], copies, [])
    assert across_classes.sentence == (
        "dog/0 and cat/3 show the same picture and have different labels (cat, dog)."
    )
    assert across_split.names == ("cat/2", "cat/9")
    assert "both sides of the split" in across_split.sentence
    assert "labels" not in across_split.sentence


def test_blank_files_are_named_but_not_all_in_words() -> None:
    (few,) = find_suspicious([], [], ["a\nb"])
    assert few.sentence == "a\\nb is (nearly) of one colour."
    (many,) = find_suspicious([], [], list("abcdef"))
    assert many.sentence == "a, b, c and 3 more are (nearly) of one colour."
    assert many.names == tuple("abcdef")
