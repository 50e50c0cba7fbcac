"""Contributions of keypoints add up to the decision, and the picture shows them."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.command_line import refusal, visbase
from tests.pipeline.saved_models import fit_and_save
from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.contracts import Encoder, Evidence
from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.fisher import Fisher
from visbase.pipeline.encoding.histograms import Histograms
from visbase.pipeline.encoding.vlad import Vlad
from visbase.pipeline.errors import BadInput
from visbase.pipeline.models.calibration import uncalibrated
from visbase.pipeline.models.explain import LEGEND_PX, draw_evidence, heat_map
from visbase.pipeline.models.file import load_model, save_model
from visbase.pipeline.svm.kernel import Kernel, KernelSVM

GRIDS = (DenseSift(2, 4, 2), DenseSift(3, 4, 2))
WORDS = Histograms(20, 2000, levels=(1, 2), n_nearest=3)
LINEAR = BovwSVM(GRIDS, WORDS, Kernel("linear"), c=3.0, multi_class="ovr", seed=0)
ENCODERS = {
    "histograms": WORDS,
    "fisher": Fisher(6, 2000, 12, mirrored=True),
    "fisher unmirrored": Fisher(6, 2000, 12, mirrored=False),
    "vlad": Vlad(6, 2000),
}


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_contributions_sum_to_linear_decision(mnist: Dataset, encoder: Encoder) -> None:
    model = dataclasses.replace(LINEAR, encoder=encoder)
    model.fit(mnist.train.images[:200], mnist.train.labels[:200])
    for image in mnist.test.images[:5]:
        scores, (_, evidence) = model.scores(image[None])[0], model.explain(image)
        decisions = scores - model.svm_.intercepts
        assert evidence.winner == scores.argmax()
        margin = decisions[evidence.winner] - decisions[evidence.runner_up]
        assert evidence.contribution.sum() == pytest.approx(margin, abs=2e-4)


def test_contributions_of_a_kernel_machine_sum_to_its_slope(mnist: Dataset) -> None:
    own = {"multi_class": "ovo", "n_components": 30, "deskewed": True}
    model = dataclasses.replace(LINEAR, kernel=Kernel("rbf", 0.5), **own)
    model.fit(mnist.train.images[:200], mnist.train.labels[:200])
    prepared, evidence = model.explain(mnist.test.images[0])
    histogram = model.bag_.vectors(prepared[None])[0]
    features = model.projection_.apply(histogram[None])[0]
    slope = model.svm_.slope(features, evidence.winner, evidence.runner_up)
    expected = histogram @ (model.projection_.components @ slope)
    assert evidence.contribution.sum() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", ["linear", "poly", "rbf"])
def test_slope_is_the_difference_quotient_of_the_decision(name: str) -> None:
    rng = np.random.default_rng(0)
    support = rng.normal(size=(7, 4)).astype(np.float32)
    coefficients = rng.normal(size=(7, 3)).astype(np.float32)
    parts = (np.arange(3), support, np.arange(7), coefficients, np.zeros(3, np.float32))
    machine = KernelSVM(Kernel(name, 0.3, 3), "ovo", *parts)
    at, step = rng.normal(size=4).astype(np.float32), 1e-2
    moved = np.stack([at + s * step * e for e in np.eye(4) for s in (1, -1)])
    decisions = machine.decisions(moved.astype(np.float32))[:, 1]  # the pair (0, 2)
    expected = (decisions[::2] - decisions[1::2]) / (2 * step)
    np.testing.assert_allclose(machine.slope(at, 0, 2), expected, rtol=1e-2, atol=5e-3)
    np.testing.assert_allclose(machine.slope(at, 2, 0), -machine.slope(at, 0, 2))


LEFT_AND_RIGHT = Evidence(  # patches of a fifth of the width, two fifths of the height
    1,
    0,
    xy=np.float32([[0.25, 0.5], [0.75, 0.5]]),
    sides=np.float32([[0.2, 0.4], [0.2, 0.4]]),
    contribution=np.float32([8, -4]),
)


def drawn(path: Path, image: np.ndarray, *names: str) -> np.ndarray:
    draw_evidence(image, LEFT_AND_RIGHT, names or ("a", "b"), path)
    return cv2.imread(str(path)).astype(int)


def test_heat_is_spread_evenly_over_patches_in_the_proportions_of_any_map() -> None:
    expected = np.zeros((10, 20), np.float32)
    expected[3:7, 3:7], expected[3:7, 13:17] = 0.5, -0.25  # 8 and -4 over 16 pixels
    heat = heat_map(LEFT_AND_RIGHT, 10, 20)
    assert heat.dtype == np.float32
    np.testing.assert_allclose(heat, expected, atol=1e-6)
    for height, width in ((5, 20), (50, 40), (1, 1)):
        assert heat_map(LEFT_AND_RIGHT, height, width).sum() == pytest.approx(4)


def test_picture_is_red_for_the_winner_and_blue_for_the_other(tmp_path: Path) -> None:
    path, image = tmp_path / "why.png", np.full((50, 100), 128, np.uint8)
    blue, _, red = np.moveaxis(drawn(path, image), 2, 0)
    assert red.shape == (240 + LEGEND_PX, 480)  # enlarged, the legend below
    assert red[120, 100] > blue[120, 100]
    assert red[120, 340] < blue[120, 340]
    assert red[10, 10] == blue[10, 10]
    with pytest.raises(BadInput, match=r"why\.png"):
        draw_evidence(image, LEFT_AND_RIGHT, ["a", "b"], path / "below_a_file.png")


def test_photograph_keeps_its_proportions_and_some_of_its_colour(
    tmp_path: Path,
) -> None:
    green = np.tile(np.uint8([0, 200, 0]), (3000, 1000, 1))
    picture = drawn(tmp_path / "why.png", green)[:-LEGEND_PX]
    assert picture.shape == (960, 480, 3)  # shrunk to 960 x 320, white margins
    assert (picture[:, :80] == 255).all() and (picture[:, 400:] == 255).all()
    blue, shade, red = picture[5, 240]
    assert 90 < red == blue < shade - 30 < 200


def test_legend_shows_a_bar_and_names_in_any_script_that_fit(tmp_path: Path) -> None:
    image = np.zeros((28, 28), np.uint8)
    plain = drawn(tmp_path / "1.png", image, "?", "?")[-LEGEND_PX:]
    blue, _, red = np.moveaxis(plain[:, 12], 1, 0)
    assert red[10] > blue[10] and red[-10] < blue[-10]
    strips = [
        drawn(tmp_path / f"{name}.png", image, name, "?")[-LEGEND_PX:]
        for name in ("Ö", "Ä", "帽", "子", "Ж", "Д")
    ]
    # a font without these letters shows the same "?" for all of one length in UTF-8
    assert len({strip.tobytes() for strip in strips}) == len(strips)
    wide = drawn(tmp_path / "3.png", image, "?", "W" * 200)[-LEGEND_PX:]
    assert wide[:, 400:-8].min() < 100 and (wide[:, -8:] == 255).all()


@pytest.mark.parametrize("method", ["bovw_pyramid", "lenet5"])
def test_command_draws_the_evidence_of_a_saved_model(
    mnist: Dataset, fresh_folders: Path, method: str
) -> None:
    path, image = fresh_folders / "model", fresh_folders / "seven.png"
    fit_and_save(method, part(mnist.train, slice(0, 100)), path)
    model = load_model(path)
    save_model(path, model.classifier, model.card, uncalibrated())
    cv2.imwrite(str(image), mnist.test.images[0])
    out, layers = fresh_folders / "why.png", fresh_folders / "layers"
    more = ("--layers", layers) if method == "lenet5" else ()
    result = visbase("explain", path, image, "--out", out, *more)
    assert result.exit_code == 0, result.output
    label, _, runner_up = result.output.partition(":")[0].partition(", not ")
    winner, _, percent = label.partition(" ")
    (row,) = load_model(path).probabilities(mnist.test.images[:1])
    assert percent == f"({100 * row.max():.1f} %)"
    assert {winner, runner_up} < set("abcdefghij")
    picture = cv2.imread(str(out))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    assert method != "lenet5" or len(list(layers.glob("*.png"))) == 3


def test_method_without_evidence_is_refused(mnist: Dataset, tmp_path: Path) -> None:
    path, out = tmp_path / "model", tmp_path / "y.png"
    fit_and_save("majority", part(mnist.train, slice(0, 50)), path)
    assert "majority" in refusal("explain", path, "x.png", "--out", out)
    assert not out.exists()
