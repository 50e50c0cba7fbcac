"""Learning curves: where they cross, how surely, and what the sentences say."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from tests.pipeline.builders import TABLES
from visbase.pipeline.evaluation import t_interval
from visbase.pipeline.experiments.measured import CurvePoint, read_measurements
from visbase.reports.findings.curves import crossing, crossover, sentences

POINT = read_measurements(TABLES[CurvePoint], CurvePoint)[0]


def test_last_of_several_crossings_counts() -> None:
    # ahead, behind, ahead for good: logarithms cross half way between 100 and 1000
    sizes, gap = np.array([1.0, 10, 100, 1000]), np.array([-1.0, 1, 1, -1])
    assert crossing(sizes, gap) == pytest.approx(100 * math.sqrt(10))


def curve_rows(**errors: dict[int, list[int]]) -> list[CurvePoint]:
    """Rows of 10,000 test images with these errors by method, size and seed."""
    points = {
        method: replace(
            POINT,
            method=method,
            family="network" if method == "convnet" else "classical",
            n_test=10_000,
        )
        for method in errors
    }
    return [
        replace(points[method], n_train=n, seed=seed, n_errors=count)
        for method, curve in errors.items()
        for n, counts in curve.items()
        for seed, count in enumerate(counts)
    ]


SAMPLE = curve_rows(
    bovw_pyramid={100: [900, 1100, 1000], 1000: [300, 310, 290]},
    convnet={100: [1400, 1500, 1600], 1000: [100, 110, 120]},
)


def test_crossover_and_its_interval_by_hand() -> None:
    # two seeds per size: t of one degree of freedom is 12.7062; the jackknife's error
    # is half the difference of the log ratios without the first and the second seed
    rows = curve_rows(
        bovw_pyramid={100: [99, 101], 1000: [99, 101]},
        convnet={100: [201, 199], 1000: [51, 49]},
    )
    rows.sort(key=lambda row: row.n_errors)  # seeds are paired in any order of the rows
    first = 12.7062 * math.log(201 / 99 / (199 / 101)) / 2
    last = 12.7062 * math.log(51 / 99 / (49 / 101)) / 2
    cross = crossover(rows, "convnet", "bovw_pyramid")
    for sign, bound in ((0, cross.n_train), (1, cross.high), (-1, cross.low)):
        ends = math.log(2) + sign * first, math.log(0.5) + sign * last
        part = ends[0] / (ends[0] - ends[1])
        assert bound == pytest.approx(100 * 10**part, rel=1e-3)


def test_size_with_a_single_seed_does_not_move_the_crossover() -> None:
    single = curve_rows(bovw_pyramid={300: [500]}, convnet={300: [100]})
    before = crossover(SAMPLE, "convnet", "bovw_pyramid")
    assert crossover(SAMPLE + single, "convnet", "bovw_pyramid") == before
    assert "Where convnet overtakes bovw_pyramid is unknown" in sentences(single)[1]


def test_sentences_name_the_methods_in_order_and_the_crossover() -> None:
    extremes, crossed = sentences(SAMPLE)
    smallest, largest = extremes.split(". ")
    for said, *parts in (
        (smallest, " 100 ", "bovw_pyramid", "(10.00 %)", "convnet", "(15.00 %)"),
        (largest, " 1,000 ", "convnet", "(1.10 %)", "bovw_pyramid", "(3.00 %)"),
    ):
        assert [said.find(part) for part in parts] == sorted(map(said.index, parts))
    assert crossed.startswith("convnet overtakes bovw_pyramid at about 190 training")
    few, many = {30: [10, 20]}, {30: [50, 60]}
    ahead = sentences(curve_rows(bovw_pyramid=many, convnet=few))[1]
    assert "at every size measured" in ahead
    behind = sentences(curve_rows(bovw_pyramid=few, convnet=many))[1]
    assert "is not seen to overtake bovw_pyramid with up to 30 " in behind


def test_networks_are_set_against_the_best_classical_method_with_most_images() -> None:
    few = curve_rows(linear={100: [900, 1000], 1000: [800, 900]})
    most = curve_rows(patch_words={100: [950, 990], 5000: [200, 210]})
    (_, crossed) = sentences(SAMPLE + few + most)
    assert crossed.startswith("convnet is not seen to overtake patch_words with up to")
    assert len(sentences(few)) == 1  # no network


def test_interval_of_a_mean_by_hand() -> None:
    # mean 2, deviation 1, t of 2 degrees of freedom 4.3027
    low, high = t_interval([1.0, 2.0, 3.0])
    assert high == pytest.approx(2 + 4.30265 / math.sqrt(3), rel=1e-5)
    assert low == 0  # cut
    assert all(map(math.isnan, t_interval([1.0])))
