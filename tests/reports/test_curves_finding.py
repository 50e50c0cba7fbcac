"""Learning curves: where they cross, how surely, and what the sentences say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.evaluation import t_interval
from visbase.pipeline.experiments.measured import CurvePoint
from visbase.pipeline.storage.tables import as_text, to_csv
from visbase.reports.findings.curves import (
    crossing,
    crossover,
    curves_finding,
    sentences,
)


def as_csv(points: list[CurvePoint]) -> str:
    return to_csv(CurvePoint.__struct_fields__, map(as_text, points))


@pytest.mark.parametrize(
    ("sizes", "gap", "expected"),
    [
        # from twice to half the error: logarithms cross half way between 10 and 100
        ([10, 100, 1000], np.log([2.0, 0.5, 0.1]), 10 * math.sqrt(10)),
        ([10, 100, 1000], [-0.1, -0.1, -0.1], 0),
        ([10, 100, 1000], [0.1, 0.1, 0.1], math.inf),
        # ahead, behind, ahead for good: the last crossing counts
        ([1, 10, 100, 1000], [-1, 1, 1, -1], 100 * math.sqrt(10)),
    ],
)
def test_crossing_by_hand(
    sizes: list[float], gap: list[float], expected: float
) -> None:
    assert crossing(np.array(sizes, float), np.array(gap)) == pytest.approx(expected)


def curve_rows(errors: dict[str, dict[int, list[int]]]) -> list[CurvePoint]:
    """Rows of 10,000 test images with these errors by method, size and seed."""
    return [
        CurvePoint(
            method=method,
            family="network" if method == "convnet" else "classical",
            n_train=n,
            seed=seed,
            n_errors=count,
            n_test=10_000,
            validation="",
            changes={},
            fit_s=1.5,
            seconds=2.5,
            source="curve",
            commit="abc",
            config={},
        )
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


def test_crossover_lies_in_its_interval() -> None:
    cross = crossover(SAMPLE, "convnet", "bovw_pyramid")
    assert 100 < cross.low <= cross.n_train <= cross.high < 1000
    # log(15 / 10) behind at 100, log(3 / 1.1) ahead at 1000
    part = math.log(1.5) / (math.log(1.5) + math.log(3 / 1.1))
    assert cross.n_train == pytest.approx(100 * 10**part)


def test_interval_of_the_crossover_by_hand() -> None:
    # two seeds per size: t of one degree of freedom is 12.7062; the jackknife's error
    # is half the difference of the log ratios without the first and the second seed
    rows = curve_rows(
        {
            "bovw_pyramid": {100: [100, 100], 1000: [100, 100]},
            "convnet": {100: [210, 190], 1000: [51, 49]},
        }
    )
    half = [12.7062 * math.log(2.1 / 1.9) / 2, 12.7062 * math.log(51 / 49) / 2]
    cross = crossover(rows, "convnet", "bovw_pyramid")
    for sign, bound in ((1, cross.high), (-1, cross.low)):
        ends = [math.log(2) + sign * half[0], math.log(0.5) + sign * half[1]]
        part = ends[0] / (ends[0] - ends[1])
        assert bound == pytest.approx(100 * 10**part, rel=1e-3)


def test_size_with_a_single_seed_does_not_move_the_crossover() -> None:
    single = curve_rows({"bovw_pyramid": {300: [500]}, "convnet": {300: [100]}})
    before = crossover(SAMPLE, "convnet", "bovw_pyramid")
    assert crossover(SAMPLE + single, "convnet", "bovw_pyramid") == before
    assert "unknown where convnet overtakes bovw_pyramid" in sentences(single)[1]


def test_sentences_name_the_methods_in_order_and_the_crossover() -> None:
    extremes, crossed = sentences(SAMPLE)
    smallest, largest = extremes.split(". ")
    for said, *parts in (
        (smallest, " 100 ", "bovw_pyramid", "(10.00 %)", "convnet", "(15.00 %)"),
        (largest, " 1,000 ", "convnet", "(1.10 %)", "bovw_pyramid", "(3.00 %)"),
    ):
        assert [said.find(part) for part in parts] == sorted(map(said.index, parts))
    assert crossed.startswith("convnet overtakes bovw_pyramid at about 190 training")
    ahead = curve_rows({"bovw_pyramid": {30: [50, 60]}, "convnet": {30: [10, 20]}})
    assert "at every size measured" in sentences(ahead)[1]
    behind = curve_rows({"bovw_pyramid": {30: [10, 20]}, "convnet": {30: [50, 60]}})
    assert "does not overtake bovw_pyramid with up to 30 " in sentences(behind)[1]


def test_finding_has_the_rows_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    for method in ("bovw_pyramid", "convnet"):
        own = [row for row in SAMPLE if row.method == method]
        (tmp_path / "mnist" / f"{method}.csv").write_text(as_csv(own))
    finding = curves_finding(tmp_path, "mnist")
    assert finding is not None
    assert finding.csv == as_csv(SAMPLE)
    assert finding.sentences == sentences(SAMPLE)
    assert finding.head[1:] == ("bovw_pyramid", "convnet")
    assert finding.table[0][0] == "100"
    assert finding.table[0][1].startswith("10.00 (")
    assert "<svg" in finding.svg
    assert curves_finding(tmp_path, "cifar10") is None


def test_interval_of_a_mean_by_hand() -> None:
    # mean 2, deviation 1, t of 2 degrees of freedom 4.3027
    low, high = t_interval([1.0, 2.0, 3.0])
    assert high == pytest.approx(2 + 4.30265 / math.sqrt(3), rel=1e-5)
    assert low == 0  # cut
    assert all(map(math.isnan, t_interval([1.0])))
