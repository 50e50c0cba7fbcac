"""What is no digit is told from digits, and said to be none."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.stats import multivariate_normal

from tests.command_line import refusal, visbase
from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.images.digit.normalise import normalise_digit
from visbase.pipeline.images.digit.not_digits import draw_no_digits
from visbase.pipeline.models import novelty
from visbase.pipeline.models.file import load_model, save_model
from visbase.pipeline.models.novelty import Novelty, learn_novelty

Pixels = np.ndarray


@pytest.fixture(scope="module")
def learned(mnist: Dataset) -> Novelty:
    """Learned from so few digits that its threshold is rough."""
    return learn_novelty(part(mnist.train, slice(0, 1500)))


def letter(text: str) -> Pixels:
    page = np.full((200, 200), 230, np.uint8)
    cv2.putText(page, text, (50, 150), cv2.FONT_HERSHEY_DUPLEX, 4, 40, 12)
    return page


@pytest.fixture
def digits(learned: Novelty, saved: Path, tmp_path: Path) -> Path:
    """A model of digits that knows what is none; its classes are a to j."""
    from msgspec.structs import replace

    model = load_model(saved)
    card = replace(model.card, kind="digits")
    save_model(tmp_path / "m", model.classifier, card, novelty=learned)
    return tmp_path / "m"


def test_other_digits_are_known_and_other_things_are_not(
    learned: Novelty, mnist: Dataset
) -> None:
    assert learned.is_novel(mnist.test.images[:1000]).mean() < 0.03
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (50, 28, 28), np.uint8)
    letters = np.stack([normalise_digit(letter(text)) for text in "EFHKMRWX"])
    assert learned.is_novel(noise).all()
    assert learned.is_novel(letters).mean() >= 0.6


def test_distance_to_a_class_is_the_density_of_its_subspace() -> None:
    rng = np.random.default_rng(0)
    spread = np.linspace(0.1, 1, novelty.N_FEATURES)
    features = (rng.normal(size=(700, novelty.N_FEATURES)) * spread).astype(np.float32)
    classes = novelty._fit_classes(features, np.zeros(700, np.int64))
    mean, axes, variances, rest = (
        classes[name][0].astype(np.float64)
        for name in ("means", "axes", "variances", "rest")
    )
    covariance = (axes * (variances - rest)) @ axes.T
    covariance[np.diag_indices_from(covariance)] += rest
    density = multivariate_normal(mean, covariance).logpdf(features[:9])
    constant = novelty.N_FEATURES * np.log(2 * np.pi)
    np.testing.assert_allclose(
        novelty._to_classes(features[:9], classes), -2 * density - constant, rtol=1e-4
    )


def test_edge_counts_in_its_direction_and_its_cell() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, :, 14:] = 200  # gets lighter to the right, in the middle
    features, levels = np.split(novelty.describe(image), [-49], axis=1)
    np.testing.assert_allclose((features**2).sum(), 1, rtol=1e-5)
    by_way = features.reshape(novelty.N_ORIENTATIONS, novelty.N_CELLS, -1)
    cells = by_way[0].reshape(novelty.N_CELLS, novelty.N_CELLS)
    assert by_way[2:7].max() < 0.01  # no gradient goes up, down or to the left
    np.testing.assert_allclose(cells[:, 3], cells[:, 4], rtol=0.2)
    white = novelty.LEVEL * 200 / 255
    np.testing.assert_allclose(
        levels.reshape(7, 7)[:, [0, 3, 6]],
        white * np.array([0, 0.5, 1]) + np.zeros((7, 1)),
        rtol=1e-5,
    )
    assert cells[:, 3:5].min() > 2.5 * np.delete(cells, [3, 4], axis=1).max()


def test_drawings_depend_on_the_seed_and_fill_the_form_of_digits(
    mnist: Dataset,
) -> None:
    images, labels = mnist.train.images[:50], mnist.train.labels[:50]
    first, again, other = (draw_no_digits(images, labels, 60, s) for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first.shape, first.dtype) == ((60, 28, 28), np.uint8)
    assert (first.reshape(60, -1).max(axis=1) > 200).all()


def test_command_says_what_is_no_digit(
    digits: Path, mnist: Dataset, tmp_path: Path
) -> None:
    page = np.full((300, 500), 235, np.uint8)
    page[90:202, 40:152] -= mnist.train.images[0].repeat(4, 0).repeat(4, 1) // 2
    page[90:202, 220:332] -= mnist.train.images[2].repeat(4, 0).repeat(4, 1) // 2
    pictures = {"digits": page.copy(), "letter": letter("H")}
    cv2.putText(page, "H", (370, 200), cv2.FONT_HERSHEY_DUPLEX, 4, 40, 10)
    pictures |= {"both": page}
    found = {}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
        result = visbase("predict", digits, tmp_path / f"{name}.png", "--json")
        found[name] = [a["label"] for a in json.loads(result.stdout)]
        assert ("no digit: unlike the training digits" in result.stderr) == (
            name != "digits"
        )
    assert "unknown" not in found["digits"]
    assert found["letter"] == ["unknown"]
    assert [label == "unknown" for label in found["both"]] == [False, False, True]


@pytest.mark.parametrize("name", ["variances", "rest"])
def test_unsound_parts_are_refused(
    name: str, learned: Novelty, digits: Path, tmp_path: Path
) -> None:
    model = load_model(digits)
    for harmed in (-learned.learned[name], learned.learned[name][:-1]):
        arrays = learned.learned | {name: harmed}
        save_model(
            tmp_path / "x", model.classifier, model.card, novelty=Novelty(arrays)
        )
        refusal("predict", tmp_path / "x", tmp_path)
