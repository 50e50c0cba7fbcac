"""The table and the three sentences, for cases whose answer is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.reports.builders import FACTS
from visbase.pipeline.experiments.records import Record
from visbase.reports.comparison.contestants import Answers, Contestant
from visbase.reports.comparison.statements import statements
from visbase.reports.comparison.table import accuracy, difference, table_rows

N = 400
TRUTH = np.arange(N) % 4
CLASSES = ["ant", "bee", "cat", "dog"]


def contestant(
    method: str, *wrong: Any, curve: Sequence[int] = (), **facts: Any
) -> Contestant:
    """A method that takes the given rows of each split for the next class.

    curve: numbers of mistakes after training on the parts of the images.
    """
    runs = []
    for seed, rows in enumerate(wrong):
        prediction = TRUTH.copy()
        prediction[rows] = (prediction[rows] + 1) % 4
        changes = {"method": method, "seed": seed, "n_test": N, "n_train": 1600}
        changes |= {"n_correct": N - len(rows), "classes": CLASSES}
        changes["fingerprint"] = f"split {seed}"
        record = Record(**FACTS | changes | facts)
        extras = {}
        if curve:
            parts = [TRUTH + (np.arange(N) < n) for n in curve]
            extras = {"curve": np.stack(parts) % 4, "sizes": np.array([200, 400, 800])}
        runs.append(Answers(record, TRUTH, prediction, extras))
    return Contestant(method, f"the {method} method", runs)


def test_a_clear_lead_is_more_than_chance_and_a_small_one_may_be_chance() -> None:
    clear = [contestant("good", range(20)), contestant("bad", range(100))]
    close = [contestant("good", range(20)), contestant("bad", range(2, 24))]
    first = statements(clear)[0]
    assert "good is the best: it classifies 95.0 % of the test" in first
    assert "lead of 20.0 points over bad is more than chance" in first
    assert "0.5 points over bad may be chance" in statements(close)[0]
    level = [contestant("good", range(20)), contestant("bad", range(2, 22))]
    assert (
        "95.0 % of the test photographs correctly, as bad does (difference:"
        in (statements(level)[0])
    )


def test_several_splits_are_compared_pairwise() -> None:
    """Both vary alike between splits, so their difference is known well."""
    good = contestant("good", range(20), range(60), range(100))
    bad = contestant("bad", range(29), range(70), range(111))
    mean, low, high = difference(good, bad)
    assert mean == pytest.approx(10 / 400)
    assert 0 < low < mean < high
    alone = contestant("bad", range(29))  # only the first split is shared
    assert difference(good, alone)[0] == pytest.approx(9 / 400)


def test_methods_without_a_shared_split_are_not_compared() -> None:
    both = [contestant("good", [1]), contestant("bad", [1, 2], fingerprint="other")]
    (best, *_) = statements(both)
    assert best.endswith("correctly; bad was tested on other splits.")
    cells = [row.cells["to the best (points)"].text for row in table_rows(both)]
    assert cells == ["best", "no shared split"]


def test_an_easy_or_hard_split_does_not_rank_a_method_that_has_no_other() -> None:
    hard_first = contestant("five", range(40), range(10), range(10))
    slow = contestant("slow", range(24))
    assert accuracy(hard_first) > accuracy(slow)
    (best, *_) = statements([hard_first, slow])
    assert best.startswith("slow is the best: it classifies 94.0 %")
    assert "its lead of 4.0 points over five" in best
    easy_first = contestant("five", range(4), range(40), range(40))
    lucky = contestant("lucky", range(12))
    assert accuracy(easy_first) < accuracy(lucky)
    (best, *_) = statements([lucky, easy_first])
    assert "its lead of 2.0 points over lucky" in best


def test_a_pretrained_method_is_set_apart() -> None:
    others = {"pretrained": {"trained_on": "ImageNet"}}
    ranked = [
        contestant("frozen", range(10), **others),
        contestant("thawed", range(20), **others),
        contestant("own", range(40)),
    ]
    first = statements(ranked)[0]
    assert "trained on ImageNet, and without that own is best, with 90.0 %" in first
    assert [row.trained_on for row in table_rows(ranked)] == ["ImageNet"] * 2 + [""]


@pytest.mark.parametrize(
    ("curve", "verdict"),
    [
        ([160, 120, 90], "learn from, good would gain about"),
        ([68, 69, 67], "learn from, good would gain little or nothing"),
        ([100, 40, 90], "the data cannot tell what good would gain"),
    ],
)
def test_learning_curve_becomes_a_statement(curve: list[int], verdict: str) -> None:
    one = contestant("good", range(67), curve=curve)
    assert verdict in statements([one])[1]


def test_no_curve_is_no_statement() -> None:
    assert "no learning curve" in statements([contestant("good", [0])])[1]
    flat = contestant("good", [0], curve=[1, 1, 1])
    for one in flat.answers:  # one image per class: no part is smaller
        one.extras["sizes"][:] = one.record.n_train
    assert "no learning curve" in statements([flat])[1]


def test_commonest_confusion_is_counted() -> None:
    bees, cats = np.arange(1, 40, 4), np.arange(2, 20, 4)
    last = statements([contestant("good", np.concatenate([bees, cats]))])[2]
    assert "take “bee” for “cat”: 10 of 100 times, and 10 of its 15 mistakes" in last
    assert "makes no mistake" in statements([contestant("good", [])])[2]


def test_a_method_without_result_is_in_the_table_and_in_no_sentence() -> None:
    failed = Contestant("odd", "", [], "needs images of one size")
    rows = table_rows([failed, contestant("good", [0])])
    assert [row.failure for row in rows] == [None, "needs images of one size"]
    assert statements([failed]) == []
