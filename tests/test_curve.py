"""Learning curves: balanced nested subsets, settings chosen anew, points kept."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.csv_table import read_rows, to_csv
from pipeline.curve import measure_curve, subset
from pipeline.data import Dataset, Split
from pipeline.errors import BadInput
from pipeline.measured import CURVE
from pipeline.methods import MethodFile
from reports.curves import crossing, crossover, curves_finding, sentences
from reports.evaluation import t_interval

LABELS = np.repeat([0, 1, 2], [40, 30, 50])


@dataclass(frozen=True)
class Config:
    answer: int = 0


class Constant:
    """Always answers the same, and remembers how many images it was fitted on."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        assert images.max() < 200, "a test image was used to fit"
        FITTED.append(len(images))

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.full(len(images), self.config.answer)


FITTED: list[int] = []


def method_of(monkeypatch: pytest.MonkeyPatch, *changes: dict[str, int]) -> MethodFile:
    FITTED.clear()
    module = SimpleNamespace(
        PRESETS={"full": Config()},
        candidates=lambda n_train: changes,
        build=lambda config, seed: Constant(config),
    )
    monkeypatch.setattr(MethodFile, "load", lambda self: module)
    return MethodFile("constant", "baselines", "always the same")


def tiny() -> Dataset:
    """120 dark training images of three classes, 10 bright test images of class 2."""
    names = ["x"] * len(LABELS)
    train = Split(np.zeros((120, 4, 4), np.uint8), LABELS, names)
    test = Split(np.full((10, 4, 4), 255, np.uint8), np.full(10, 2), names[:10])
    return Dataset("tiny", train, test, ("0", "1", "2"))


def table(folder: Path) -> list[dict[str, str]]:
    """The rows that were written, wherever they count."""
    (path,) = folder.rglob("constant.csv")
    return read_rows(path, CURVE)


@given(st.sampled_from([3, 30, 60, 90]), st.integers(0, 2**31))
def test_subset_has_as_many_images_of_every_class(n: int, seed: int) -> None:
    rows = subset(LABELS, n, seed)
    assert len(np.unique(rows)) == n
    assert np.bincount(LABELS[rows]).tolist() == [n // 3] * 3


@given(st.integers(0, 2**31))
def test_larger_subset_holds_the_smaller_one(seed: int) -> None:
    assert set(subset(LABELS, 30, seed)) <= set(subset(LABELS, 60, seed))


def test_another_seed_gives_another_subset() -> None:
    assert subset(LABELS, 30, 0).tolist() != subset(LABELS, 30, 1).tolist()


def test_all_images_need_no_balance() -> None:
    assert subset(LABELS, 120, 0).tolist() == list(range(120))


@pytest.mark.parametrize("n", [0, 10, 93, 119, 200])
def test_subset_that_cannot_be_balanced_is_refused(n: int) -> None:
    with pytest.raises(BadInput, match="multiple of 3 classes up to 90, or all 120"):
        subset(LABELS, n, 0)


def test_settings_are_chosen_on_a_held_out_sixth_of_the_subset(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {}, {"answer": 1}, {"answer": 2})
    list(measure_curve(method, [36], 1, tiny()))
    # three candidates on 30 of 36 images, then the chosen one on all
    assert FITTED == [30, 30, 30, 36]
    (row,) = table(fresh_folders)
    assert row["validation"] == "4, 4, 4 of 6"
    assert row["changes"] == "{}"  # of equals the first
    assert (row["n_errors"], row["n_test"]) == ("10", "10")


def test_one_image_a_class_leaves_nothing_to_choose_on(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {"answer": 2}, {})
    list(measure_curve(method, [3], 1, tiny()))
    assert FITTED == [3]
    (row,) = table(fresh_folders)
    assert (row["validation"], row["n_errors"]) == ("", "0")
    assert json.loads(row["changes"]) == {"answer": 2}


def test_points_that_are_there_are_not_measured_again(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {})
    assert len(list(measure_curve(method, [3, 30], 2, tiny()))) == 4 + 1
    *points, where = measure_curve(method, [3, 30, 60], 2, tiny())
    assert len(points) == 2
    assert where.startswith(f"constant: 6 points in {fresh_folders}")
    rows = table(fresh_folders)
    found = [(row["n_train"], row["seed"]) for row in rows]
    assert found == [(n, s) for n in ("3", "30", "60") for s in ("0", "1")]


def test_points_of_other_candidates_are_measured_again(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(measure_curve(method_of(monkeypatch, {}), [3], 1, tiny()))
    list(measure_curve(method_of(monkeypatch, {"answer": 2}), [3], 1, tiny()))
    (row,) = table(fresh_folders)
    assert row["n_errors"] == "0"


def test_points_that_others_add_meanwhile_are_kept(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {})
    ours = measure_curve(method, [3, 30], 1, tiny())
    next(ours)
    list(measure_curve(method, [60], 1, tiny()))
    assert list(ours)[-1].startswith("constant: 3 points")
    assert [row["n_train"] for row in table(fresh_folders)] == ["3", "30", "60"]


def test_points_of_photographs_that_changed_are_measured_again(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, data = method_of(monkeypatch, {}), replace(tiny(), published=False)
    list(measure_curve(method, [3], 1, data))
    assert len(list(measure_curve(method, [3], 1, data))) == 1  # it is there
    darker = replace(data.test, images=data.test.images - np.uint8(1))
    changed = replace(data, test=darker)
    assert len(list(measure_curve(method, [3], 1, changed))) == 2


def test_impossible_size_is_told_before_any_work(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = method_of(monkeypatch, {})
    with pytest.raises(BadInput, match="multiple of 3"):
        list(measure_curve(method, [3, 10], 1, tiny()))
    assert FITTED == []


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
    empty["config"] = "{}"
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
    with pytest.raises(BadInput, match="expected full rows of the columns method"):
        read_rows(path, CURVE)
