"""`visbase predict` and `run --save`: image files to labels, one line for bad ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pytest
from msgspec.structs import replace as replaced
from PIL import Image

from tests.command_line import refusal, visbase
from tests.pipeline.builders import CARD
from tests.pipeline.saved_models import fit_and_save, of_classes, resave
from visbase.pipeline.datasets.splits import Dataset, Split, part
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.digit import page
from visbase.pipeline.models.card import data_fingerprint, read_card
from visbase.pipeline.models.file import load_model
from visbase.pipeline.models.predict import prepare, show

DIGITS = read_card(json.dumps(CARD | {"kind": "digits"}))
NEVER = Mock(side_effect=AssertionError("it ran"))


def png(path: Path, image: np.ndarray) -> str:
    Image.fromarray(image).save(path, format="PNG")
    return str(path)


@pytest.fixture
def images(mnist: Dataset, tmp_path: Path) -> list[str]:
    """Files of the first three test images."""
    return [png(tmp_path / f"{i}.png", mnist.test.images[i]) for i in range(3)]


def answers(*arguments: object, stdin: bytes | None = None) -> list[dict[str, Any]]:
    result = visbase("predict", *arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_table_and_json_have_the_scores_of_the_fitted_model(
    saved: Path, images: list[str], mnist: Dataset
) -> None:
    result = visbase("predict", saved, *images)
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["image", "label", "score", "runner-up", "score", "ms"]
    assert len({len(row) for row in (head, *rows)}) == 1  # aligned
    classifier = load_model(saved).classifier
    scores = [classifier.scores(image[None])[0] for image in mnist.test.images[:3]]
    as_json = answers(saved, *images)
    for row, answer, file, of_image in zip(rows, as_json, images, scores, strict=True):
        best, second = np.argsort(-of_image)[:2]
        name, label, score, runner_up, its_score, ms = row.split()
        assert (name, label) == (answer["file"], answer["label"])
        assert (name, label) == (file, "abcdefghij"[best])
        assert runner_up == "abcdefghij"[second]
        shown = [float(score), float(its_score)]
        np.testing.assert_allclose(shown, of_image[[best, second]], rtol=1e-3)
        assert min(float(ms), answer["ms"]) > 0
        expected = zip("abcdefghij", of_image.astype(float).tolist(), strict=True)
        assert list(answer["scores"].items()) == list(expected)


def test_unreadable_images_are_reported_and_the_others_are_labelled(
    saved: Path, images: list[str], tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no image")
    bad = [str(tmp_path / name) for name in ("text.png", "none.png")]
    result = visbase("predict", saved, images[0], *bad, images[1])
    assert result.exit_code == 2
    for line, file in zip(result.stderr.splitlines(), bad, strict=True):
        assert line.startswith(f"visbase: {file}: ")
    assert [row.split()[0] for row in result.stdout.splitlines()[1:]] == images[:2]
    refusal("predict", saved, *bad[:1])  # no table without rows
    result = visbase("predict", saved, *bad, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (2, [])


def test_image_may_come_from_standard_input(saved: Path, images: list[str]) -> None:
    (piped,) = answers(saved, "-", stdin=Path(images[1]).read_bytes())
    (from_file,) = answers(saved, images[1])
    assert (piped["file"], piped["scores"]) == ("-", from_file["scores"])
    assert "standard input: " in refusal("predict", saved, "-")
    assert "standard input" in refusal("predict", saved, "-", "-")


def test_image_of_another_size_is_averaged_to_the_models_size_and_keeps_colour() -> (
    None
):
    photo = np.zeros((8, 12, 3), np.uint8)
    photo[:2, :2] = (40, 80, 120)
    photo[2:4, :2, :] = [[[0, 0, 0], [200, 200, 200]]]
    card = replaced(DIGITS, kind="objects", image_size=(4, 6))
    prepared = prepare(photo, card)
    assert prepared.shape == (4, 6, 3)
    assert prepared[0, 0].tolist() == [40, 80, 120]
    assert (prepared[1, 0] == 100).all()  # the mean of two black pixels and two of 200
    assert not prepared[2:].any()
    assert np.array_equal(prepare(photo[..., 1], card), prepared[..., 1])


def test_photograph_of_a_digit_is_normalised_and_mnists_own_digits_keep_their_labels(
    saved: Path, images: list[str], tmp_path: Path
) -> None:
    of_mnist = resave(saved, tmp_path / "m", lambda card, _: card.update(kind="digits"))
    labels = [[a["label"] for a in answers(m, *images)] for m in (of_mnist, saved)]
    assert labels[0] == labels[1]
    digit = page.Digit((0, 0, 40, 50), np.full((28, 28), 12, np.uint8))
    found = page.Reading([[digit]])
    with patch.object(page, "read_page", lambda image: found):
        assert (prepare(np.full((50, 40), 3, np.uint8), DIGITS) == 12).all()


def test_shown_image_is_enlarged_by_its_longer_side(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    # gigabytes, if the first were as high as others
    for shape, size in (((1, 5000, 3), (5000, 1)), ((1, 2), (112, 56))):
        show([np.zeros(shape, np.uint8)], path)
        with Image.open(path) as picture:
            assert picture.size == size


def test_shown_images_lie_in_rows_and_what_does_not_fit_a_format_is_one_line(
    tmp_path: Path,
) -> None:
    images = [np.full((112, 56), 9 * i, np.uint8) for i in range(11)]
    show(images, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (10 * 56 + 9 * 4, 2 * 112 + 4)
        assert picture.getpixel((0, 116)) == (90, 90, 90)
    for name in ("a.webp", "a.gif", "a.jpg"):
        with pytest.raises(BadInput, match=r"70000 x 1 pixels .* choose \.png"):
            show([np.zeros((1, 70_000), np.uint8)], tmp_path / name)


def test_argument_that_cannot_be_looked_up_is_reported_and_others_are_labelled(
    saved: Path, images: list[str]
) -> None:
    result = visbase("predict", saved, "x" * 300, images[0])
    assert result.exit_code == 2
    assert "x: File name too long" in result.stderr
    assert images[0] in result.stdout


def test_photographs_of_several_sizes_are_predicted_and_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (40 + i, 50, 3), np.uint8) for i in range(24)]
    split = Split(photos, np.arange(24) % 2, [""] * 24)
    fit_and_save("bovw_grid", split, tmp_path / "model")
    files = [png(tmp_path / f"{i}.png", photos[i]) for i in (0, 20)]
    picture = tmp_path / "picture.png"
    labelled = answers(tmp_path / "model", *files, "--show", picture)
    model = load_model(tmp_path / "model")
    assert model.card.image_size is None
    for answer, i in zip(labelled, (0, 20), strict=True):
        (scores,) = model.classifier.scores([photos[i]]).astype(float).tolist()
        assert list(answer["scores"].values()) == scores
    pixels = np.array(Image.open(picture))
    assert pixels.shape == (2 * 40, 2 * 50 + 4 + 50, 3)
    assert np.array_equal(pixels[::2, :100:2], photos[0])
    assert np.array_equal(pixels[:60, 104:], photos[20])
    assert (pixels[60:, 104:] == 255).all()
    result = visbase("predict", tmp_path / "model", files[0], "--show", picture / "x")
    assert (result.exit_code, str(picture / "x") in result.stderr) == (2, True)


def test_nothing_is_read_again_or_compiled_for_the_second_image(
    train: Split, images: list[str], tmp_path: Path
) -> None:
    fit_and_save("bovw_pyramid", part(train, slice(0, 60)), tmp_path / "model")
    with patch("builtins.open", wraps=open) as spy:
        labelled = answers(tmp_path / "model", *images)
    opened = [str(call.args[0]) for call in spy.call_args_list]
    later = opened[opened.index(images[0]) :]
    assert [file for file in later if not file.startswith("/proc/")] == images
    assert all(answer["ms"] < 500 for answer in labelled)  # compiling takes seconds


def test_saved_model_predicts_as_recorded(mnist: Dataset, fresh_folders: Path) -> None:
    train, test = part(mnist.train, slice(0, 300)), part(mnist.test, slice(0, 100))
    few = replace(mnist, train=train, test=test)
    path, settings = fresh_folders / "new" / "model", ("--set", "c=2", "--seed", "3")
    save = (*settings, "--save", path, "--licence", "CC BY-SA 3.0")
    with patch("visbase.pipeline.datasets.load_dataset", return_value=few):
        result = visbase("run", "svm_rbf", "--preset", "quick", *save)
    assert result.exit_code == 0, result.output
    model = load_model(path)
    card = model.card
    assert (card.config["c"], card.seed, card.preset) == (2.0, 3, "quick")
    assert (card.dataset, card.licence) == ("mnist", "CC BY-SA 3.0")
    assert (card.format, card.method, card.image_size) == (1, "svm_rbf", (28, 28))
    assert (card.n_train, card.n_test, card.classes) == (300, 100, list("0123456789"))
    assert card.training_data_sha256 == data_fingerprint(train)
    right = model.classifier.predict(test.images) == test.labels
    assert int(right.sum()) == card.n_correct > 50
    assert f"{card.n_test - card.n_correct} of 100" in result.stdout
    found = model.probabilities(test.images).max(axis=1).mean()
    assert found == pytest.approx(right.mean(), abs=0.1)  # calibrated


@patch("visbase.pipeline.experiments.run.run_method", NEVER)
@patch("subprocess.run", NEVER)
def test_save_of_several_methods_or_to_a_folder_runs_nothing(tmp_path: Path) -> None:
    assert "--save" in refusal("run", "majority", "linear", "--save", tmp_path / "m")
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "m"):
        assert visbase("run", "majority", "--save", place).exit_code == 2


def test_model_of_one_class_has_no_runner_up(train: Split, tmp_path: Path) -> None:
    path, image = tmp_path / "model", png(tmp_path / "image", train.images[0])
    fit_and_save("majority", of_classes(train, 7), path)
    result = visbase("predict", path, image)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[1:3] == ["h", "1"]
