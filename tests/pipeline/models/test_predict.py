"""`visbase predict` and `run --save`: image files to labels, one line for bad ones."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace as replaced
from PIL import Image

from tests.command_line import refusal, visbase
from tests.pipeline.builders import CARD
from tests.pipeline.saved_models import fit_and_save, of_classes, resave
from visbase.pipeline.datasets.splits import Dataset, Split, part
from visbase.pipeline.images.digit import normalise as digit
from visbase.pipeline.images.photo_files import read_image
from visbase.pipeline.models.card import read_card
from visbase.pipeline.models.file import load_model
from visbase.pipeline.models.predict import Prediction, prepare, show

DIGITS = read_card(json.dumps(CARD | {"kind": "digits"}))


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
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


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
        cells = row.split()
        assert [cells[0], cells[1], cells[3]] == [
            *(file, "abcdefghij"[best], "abcdefghij"[second])
        ]
        shown = [float(cells[2]), float(cells[4])]
        np.testing.assert_allclose(shown, of_image[[best, second]], rtol=1e-3)
        assert float(cells[5]) > 0
        assert (answer["file"], answer["label"]) == (file, cells[1])
        assert list(answer["scores"]) == list("abcdefghij")
        assert list(answer["scores"].values()) == of_image.astype(float).tolist()
        assert answer["ms"] > 0


def test_unreadable_images_are_reported_and_the_others_are_labelled(
    saved: Path, images: list[str], tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.png").write_bytes(Path(images[0]).read_bytes()[:60])
    names = ("text.png", "none.png", "folder", "cut.png")
    bad = [str(tmp_path / name) for name in names]
    result = visbase("predict", saved, images[0], *bad, images[1])
    assert result.exit_code == 2
    for line, file in zip(result.stderr.splitlines(), bad, strict=True):
        assert line.startswith(f"visbase: {file}: ")
    assert [row.split()[0] for row in result.stdout.splitlines()[1:]] == images[:2]
    refusal("predict", saved, *bad[:1])  # no table without rows
    result = visbase("predict", saved, *bad, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (2, [])


def test_image_from_standard_input_is_labelled_as_from_its_file(
    saved: Path, images: list[str]
) -> None:
    (piped,) = answers(saved, "-", stdin=Path(images[1]).read_bytes())
    (from_file,) = answers(saved, images[1])
    assert piped["file"] == "-"
    assert piped["scores"] == from_file["scores"]
    assert "standard input: " in refusal("predict", saved, "-")
    assert "standard input" in refusal("predict", saved, "-", "-")


def test_colour_and_another_size_become_grey_of_the_models_size() -> None:
    photo = np.zeros((8, 12, 3), np.uint8)
    photo[:2, :2] = (40, 80, 120)  # luma 0.299 40 + 0.587 80 + 0.114 120 = 72.6
    photo[2:4, :2, :] = [[[0, 0, 0], [200, 200, 200]]]
    prepared = prepare(photo, replaced(DIGITS, kind="objects", image_size=(4, 6)))
    assert prepared.shape == (4, 6)
    assert prepared[0, 0] == 73
    assert prepared[1, 0] == 100  # the mean of two black pixels and two of 200
    assert not prepared[2:].any()


def test_photograph_reaches_a_model_of_photographs_unchanged() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    card = replaced(DIGITS, kind="photographs", image_size=None)
    assert prepare(photo, card) is photo


def test_photograph_taken_sideways_is_turned() -> None:
    wide = np.zeros((4, 8), np.uint8)
    wide[:, :2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    buffer = BytesIO()
    Image.fromarray(wide).save(buffer, format="PNG", exif=exif)
    buffer.seek(0)
    upright = read_image(buffer)
    assert upright.shape == (8, 4)
    assert (upright[:2] == 255).all()


def test_photograph_of_a_digit_is_normalised_and_mnists_own_digits_keep_their_labels(
    saved: Path, images: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_mnist = resave(saved, tmp_path / "m", lambda card: card.update(kind="digits"))
    labels = [[a["label"] for a in answers(m, *images)] for m in (of_mnist, saved)]
    assert labels[0] == labels[1]
    monkeypatch.setattr(digit, "normalise_digit", lambda image: image[:28, :28] + 9)
    photo = np.full((50, 40), 3, np.uint8)
    assert (prepare(photo, DIGITS) == 12).all()


def test_show_draws_the_model_inputs_side_by_side(
    saved: Path, images: list[str], mnist: Dataset, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    assert visbase("predict", saved, *images[:2], "--show", picture).exit_code == 0
    pixels = np.array(Image.open(picture))
    assert pixels.shape == (112, 112 + 4 + 112, 3)
    assert np.array_equal(pixels[::4, :112:4, 0], mnist.test.images[0])
    assert np.array_equal(pixels[::4, 116::4, 2], mnist.test.images[1])
    (tmp_path / "file").touch()
    blocked = tmp_path / "file" / "x.png"
    result = visbase("predict", saved, images[0], "--show", blocked)
    assert result.exit_code == 2
    assert str(blocked) in result.stderr


@pytest.mark.parametrize(
    ("shape", "size"),
    # gigabytes, if the first were as high as others
    [((1, 5000, 3), (5000, 1)), ((1, 2, 3), (112, 56))],
)
def test_shown_image_is_enlarged_by_its_longer_side(
    shape: tuple[int, ...], size: tuple[int, int], tmp_path: Path
) -> None:
    image = np.zeros(shape, np.uint8)
    show([Prediction("a.png", {"a": 1.0}, 1.0, image)], tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == size


def test_photographs_of_several_sizes_are_predicted_and_shown(
    tmp_path: Path, fresh_folders: Path
) -> None:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (40 + i, 50, 3), np.uint8) for i in range(24)]
    split = Split(photos, np.arange(24) % 2, [""] * 24)
    fit_and_save("bovw_grid", split, tmp_path / "model")
    files = [png(tmp_path / f"{i}.png", photos[i]) for i in (0, 20)]
    picture = tmp_path / "picture.png"
    labelled = answers(tmp_path / "model", *files, "--show", picture)
    model = load_model(tmp_path / "model")
    assert model.card.image_size is None
    classifier = model.classifier
    expected = np.array([classifier.scores([photos[i]])[0] for i in (0, 20)])
    scores = [list(answer["scores"].values()) for answer in labelled]
    assert np.array_equal(scores, expected.astype(float))
    pixels = np.array(Image.open(picture))
    assert pixels.shape == (2 * 40, 2 * 50 + 4 + 50, 3)
    assert (pixels[60:, 104:] == 255).all()


def test_nothing_is_read_again_or_compiled_for_the_second_image(
    train: Split,
    images: list[str],
    fresh_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = fresh_folders / "model"
    fit_and_save("bovw_pyramid", part(train, slice(0, 60)), model)
    opened: list[str] = []
    original = open

    def spy(file: object, *arguments: object, **options: object) -> object:
        opened.append(str(file))
        return original(file, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", spy)
    labelled = answers(model, *images)
    first = opened.index(images[0])
    read = [file for file in opened[first:] if not file.startswith("/proc/")]
    assert read == images
    assert all(answer["ms"] < 500 for answer in labelled)  # compiling takes seconds


def test_run_saves_a_model_that_predicts_what_its_record_says(
    mnist: Dataset, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(
        mnist,
        train=part(mnist.train, slice(0, 300)),
        test=part(mnist.test, slice(0, 100)),
    )
    monkeypatch.setattr("visbase.pipeline.datasets.load_dataset", lambda *_, **__: few)
    path = fresh_folders / "new" / "model"
    result = visbase(
        *("run", "svm_rbf", "--preset", "quick", "--set", "c=2", "--seed", "3"),
        *("--save", path, "--licence", "CC BY-SA 3.0"),
    )
    assert result.exit_code == 0, result.output
    model = load_model(path)
    card = model.card
    assert (card.config["c"], card.seed, card.preset) == (2.0, 3, "quick")
    assert (card.dataset, card.licence) == ("mnist", "CC BY-SA 3.0")
    assert (card.n_train, card.n_test) == (300, 100)
    right = model.classifier.predict(few.test.images) == few.test.labels
    assert int(right.sum()) == card.n_correct > 50
    assert f"{card.n_test - card.n_correct} of 100" in result.stdout


def test_save_with_several_methods_or_to_a_folder_stops_before_any_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        pytest.fail("it ran")

    monkeypatch.setattr("visbase.pipeline.experiments.run.run_method", fail)
    monkeypatch.setattr("subprocess.run", fail)
    assert "--save" in refusal("run", "majority", "linear", "--save", tmp_path / "m")
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "m"):
        assert visbase("run", "majority", "--save", place).exit_code == 2


def test_model_of_one_class_has_no_runner_up(
    train: Split, images: list[str], tmp_path: Path
) -> None:
    fit_and_save("majority", of_classes(train, 7), tmp_path / "model")
    result = visbase("predict", tmp_path / "model", images[0])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[1:3] == ["h", "1"]
