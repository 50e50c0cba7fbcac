"""What the learning curves say: where they cross, how surely, in words."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import t_interval
from visbase.pipeline.experiments.measured import CURVE
from visbase.pipeline.storage.tables import read_rows, to_csv
from visbase.reports.findings.curves import (
    crossing,
    crossover,
    curves_finding,
    sentences,
)


def test_crossing_by_hand() -> None:
    sizes = np.array([10.0, 100.0, 1000.0])
    # from twice to half the error: logarithms cross half way between 10 and 100
    gap = np.log(np.array([2.0, 0.5, 0.1]))
    assert crossing(sizes, gap) == pytest.approx(10 * math.sqrt(10))
    assert crossing(sizes, np.full(3, -0.1)) == 0
    assert crossing(sizes, np.full(3, 0.1)) == math.inf


def test_crossing_is_the_last_one() -> None:
    sizes = np.array([1.0, 10.0, 100.0, 1000.0])
    gap = np.array([-1.0, 1.0, 1.0, -1.0])  # ahead, behind, ahead for good
    assert crossing(sizes, gap) == pytest.approx(100 * math.sqrt(10))


def curve_rows(errors: dict[str, dict[int, list[int]]]) -> list[dict[str, str]]:
    """Rows of 10,000 test images with these errors by method, size and seed."""
    empty = dict.fromkeys(CURVE, "") | {"fit_s": "1.5", "seconds": "2.5"}
    empty |= {"config": "{}", "changes": "{}", "source": "curve", "commit": "abc"}
    return [
        empty
        | {
            "method": method,
            "family": "network" if method == "convnet" else "classical",
            "n_train": str(n),
            "seed": str(seed),
            "n_errors": str(count),
            "n_test": "10000",
        }
        for method, curve in errors.items()
        for n, counts in curve.items()
        for seed, count in enumerate(counts)
    ]


SAMPLE = curve_rows(
    {
        "bovw_pyramid": {100: [900, 1100, 1000], 1000: [300, 310, 290]},
        "convnet": {100: [1400, 1500, 1600], 1000: [100, 110, 120]},
    }
)


def test_interval_of_the_crossover_holds_the_crossover() -> None:
    found = crossover(SAMPLE, "convnet", "bovw_pyramid")
    assert 100 < found.low <= found.n_train <= found.high < 1000
    # log(15 / 10) behind at 100, log(3 / 1.1) ahead at 1000
    part = math.log(1.5) / (math.log(1.5) + math.log(3 / 1.1))
    assert found.n_train == pytest.approx(100 * 10**part)


def test_interval_of_the_crossover_by_hand() -> None:
    # two seeds a size: t of one degree of freedom 12.7062; the jackknife's error is
    # half the difference of the log ratios without the one and without the other
    rows = curve_rows(
        {
            "bovw_pyramid": {100: [100, 100], 1000: [100, 100]},
            "convnet": {100: [210, 190], 1000: [51, 49]},
        }
    )
    half = [12.7062 * math.log(2.1 / 1.9) / 2, 12.7062 * math.log(51 / 49) / 2]
    upper = [math.log(2) + half[0], math.log(0.5) + half[1]]
    part = upper[0] / (upper[0] - upper[1])
    found = crossover(rows, "convnet", "bovw_pyramid")
    assert found.high == pytest.approx(100 * 10**part, rel=1e-3)
    lower = [math.log(2) - half[0], math.log(0.5) - half[1]]
    part = lower[0] / (lower[0] - lower[1])
    assert found.low == pytest.approx(100 * 10**part, rel=1e-3)


def test_size_of_a_single_seed_does_not_move_the_crossover() -> None:
    single = curve_rows({"bovw_pyramid": {300: [500]}, "convnet": {300: [100]}})
    before = crossover(SAMPLE, "convnet", "bovw_pyramid")
    assert crossover(SAMPLE + single, "convnet", "bovw_pyramid") == before
    assert sentences(single)[1] == (
        "Where convnet overtakes bovw_pyramid is not known: no size was measured with "
        "two seeds of both."
    )


def test_sentences_say_what_the_rows_say() -> None:
    extremes, crossed = sentences(SAMPLE)
    assert extremes == (
        "With 100 training images bovw_pyramid errs least, 10.00 %, before convnet "
        "with 15.00 %. With 1,000 training images convnet errs least, 1.10 %, before "
        "bovw_pyramid with 3.00 %."
    )
    assert crossed.startswith(
        "convnet overtakes bovw_pyramid at about 190 training images (95 % interval "
    )


def test_sentence_where_curves_do_not_cross() -> None:
    ahead = curve_rows({"bovw_pyramid": {30: [50, 60]}, "convnet": {30: [10, 20]}})
    assert "at every size measured" in sentences(ahead)[1]
    behind = curve_rows({"bovw_pyramid": {30: [10, 20]}, "convnet": {30: [50, 60]}})
    assert "does not overtake bovw_pyramid by 30 training" in sentences(behind)[1]


def test_finding_has_the_rows_of_all_files(tmp_path: Path) -> None:
    for method in ("bovw_pyramid", "convnet"):
        path = tmp_path / "mnist" / f"{method}.csv"
        path.parent.mkdir(exist_ok=True)
        own = [row for row in SAMPLE if row["method"] == method]
        path.write_text(to_csv(CURVE, own))
    found = curves_finding(tmp_path, "mnist")
    assert found is not None
    assert found.csv == to_csv(CURVE, SAMPLE)
    assert found.sentences == sentences(SAMPLE)
    assert found.head == ("training images", "bovw_pyramid", "convnet")
    assert found.table[0][0] == "100"
    assert found.table[0][1].startswith("10.00 (")
    assert "<svg" in found.svg
    assert curves_finding(tmp_path, "cifar10") is None


def test_interval_of_a_mean_by_hand() -> None:
    # mean 2, deviation 1, t of 2 degrees of freedom 4.3027
    low, high = t_interval([1.0, 2.0, 3.0])
    assert high == pytest.approx(2 + 4.30265 / math.sqrt(3), rel=1e-5)
    assert low == 0  # cut
    assert all(map(math.isnan, t_interval([1.0])))


def test_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "constant.csv"
    path.write_text("method,n_train\nconstant,3\n")
    with pytest.raises(
        BadInput, match="line 1: expected a full row of the columns method"
    ):
        read_rows(path, CURVE)
