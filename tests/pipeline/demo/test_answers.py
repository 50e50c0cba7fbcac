"""Which models answer, what their cards show, and what is said of bad pictures."""

import base64
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import refusal
from tests.pipeline.saved_models import resave
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.demo.answers import as_data
from visbase.pipeline.demo.candidates import load_models
from visbase.pipeline.demo.evidence import exhibits
from visbase.pipeline.demo.mistakes import N_SHOWN, mistakes
from visbase.pipeline.demo.server import page, reply_to
from visbase.pipeline.errors import BadInput
from visbase.pipeline.models.file import Model, load_model
from visbase.pipeline.models.picture import write_picture
from visbase.pipeline.models.predict import predict_file

SEVEN = 0  # of the test images


@pytest.fixture(scope="module")
def paths(fit_models: Callable[[int, str], list[Path]]) -> list[Path]:
    return fit_models(100, "svm_rbf")


@pytest.fixture(scope="module")
def models(paths: list[Path]) -> list[Model]:
    return [load_model(path) for path in paths]


def ask(
    models: list[Model],
    content: str,
    name: str = "x.png",
    why: bool = False,
    at: int = 0,
) -> dict[str, str]:
    request = {"name": name, "content": content, "digit": at, "explained": why}
    return reply_to(models, request)


def test_without_names_the_two_best_models_of_the_newest_dataset_answer(
    paths: list[Path], fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fresh_folders)
    said = refusal("demo")
    assert "found none" in said and "--save" in said
    facts = [("worse", 40, {}), ("best", 58, {}), ("other", 60, {"dataset": "another"})]
    kept = fresh_folders / "artifacts" / "models" / "toy"
    kept.mkdir(parents=True)
    for age, (name, right, more) in enumerate(facts):
        path = fresh_folders / f"{name}.visbase"
        changes = {"n_correct": right, **more}
        resave(paths[0], path, lambda card, _, changes=changes: card.update(changes))
        os.utime(path, (9 - age, 9 - age))
    resave(paths[1], kept / "svm_rbf", lambda card, _: card.update(n_correct=50))
    (fresh_folders / "broken.visbase").write_text("no model")
    (fresh_folders / "moved.visbase").symlink_to("where it was")
    chosen = [(model.method, model.card.n_correct) for model in load_models([])]
    assert chosen == [("bovw_grid", 58), ("svm_rbf", 50)]


def test_models_of_different_kinds_of_image_are_refused(
    paths: list[Path], tmp_path: Path
) -> None:
    resave(paths[1], tmp_path / "m", lambda card, _: card.update(kind="objects"))
    with pytest.raises(BadInput, match="found digits and objects"):
        load_models([paths[0], tmp_path / "m"])


def test_every_model_answers_as_predict_does(
    models: list[Model], mnist: Dataset, tmp_path: Path
) -> None:
    image = mnist.test.images[SEVEN]
    path = tmp_path / "seven.png"
    write_picture(image, path)
    html = ask(models, as_data(image))["answers"]
    _, first, second = html.split('<article class="card"')
    for model, card in zip(models, (first, second), strict=True):
        (prediction,) = predict_file(model, "x", path)
        assert f">{prediction.label}</output>" in card
        assert as_data(image) in card  # what the model saw
    likely = prediction.probabilities
    assert likely is not None
    assert second.count('class="track"') == 10 and "track" not in first
    assert f"{100 * max(likely.values()):.1f} %" in second


def test_page_of_several_digits_shows_the_numbers_and_the_chosen_digit(
    models: list[Model], mnist: Dataset
) -> None:
    sheet = np.full((200, 400), 255, np.uint8)
    for left, image in zip((40, 220), mnist.test.images[:2], strict=True):
        sheet[44:156, left : left + 112] -= image.repeat(4, 0).repeat(4, 1)
    shown = [ask(models[1:], as_data(sheet), at=at)["answers"] for at in (0, 1)]
    for at, html in enumerate(shown):
        pressed = [part.split('"')[0] for part in html.split('aria-pressed="')[1:]]
        assert pressed == [("false", "true")[at == i] for i in (0, 1)]
        assert "2 digits" in html


def test_evidence_is_the_words_that_spoke_for_each_class(
    models: list[Model], mnist: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "seven.png"
    write_picture(mnist.test.images[SEVEN], path)
    (prediction,) = predict_file(models[0], "x", path)
    why = exhibits(models[0], prediction, path)
    assert why is not None and why.winner == prediction.label
    assert [name for name, _ in why.words] == prediction.ranked()[:2]
    for sign, (_, words) in zip((1, -1), why.words, strict=True):
        sums = [sign * word.contribution for word in words]
        assert sums and sums == sorted(sums, reverse=True) and sums[-1] > 0
    assert max(abs(circle.weight) for circle in why.circles) == 1
    html = ask(models, as_data(mnist.test.images[SEVEN]), why=True)["answers"]
    assert html.count("Visual words for") == 2
    assert "svm_rbf cannot show evidence" in html


@pytest.mark.parametrize("content", [b"no picture", b"\xff\xd8\xff\xe0"])
def test_file_that_is_no_picture_gets_one_sentence_with_the_users_name(
    models: list[Model], content: bytes
) -> None:
    address = "data:;base64," + base64.b64encode(content).decode()
    reply = ask(models, address, "my <b>note</b>.jpg")
    assert reply.keys() == {"error"}
    assert reply["error"].startswith("my <b>note</b>.jpg: cannot be read")
    assert "/tmp" not in reply["error"] and "\n" not in reply["error"]


def test_examples_are_test_digits_that_the_recorded_method_got_wrong(
    models: list[Model], mnist: Dataset, paths: list[Path], tmp_path: Path
) -> None:
    assert mistakes(models) == {}  # of the dataset "toy" is no record
    own = []
    for path in paths:
        changed = tmp_path / path.name
        resave(path, changed, lambda card, _: card.update(dataset="mnist"))
        own.append(load_model(changed))
    found = mistakes(own)
    assert [len(found[model.method]) for model in own] == [N_SHOWN, N_SHOWN]
    every = [one for some in found.values() for one in some]
    assert len({one.at for one in every}) == 2 * N_SHOWN
    for one in every:
        assert np.array_equal(one.image, mnist.test.images[one.at])
        assert one.truth == str(mnist.test.labels[one.at]) != one.predicted
    assert page(own).count("data-example") == 2 * N_SHOWN


def test_examples_are_of_each_models_own_dataset_and_are_not_downloaded(
    mnist: Dataset, paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = []
    for path, dataset in zip(paths, ("mnist", "fashion_mnist"), strict=True):
        changed = tmp_path / path.name
        resave(path, changed, lambda card, _, name=dataset: card.update(dataset=name))
        own.append(load_model(changed))
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path))
    assert mistakes(own).keys() == {own[0].method}
    (tmp_path / "data" / "fashion_mnist").mkdir(parents=True)
    (tmp_path / "data" / "fashion_mnist" / "images").touch()
    clothes = replace(mnist, classes=("Trouser",) * 10)
    known = {"mnist": mnist, "fashion_mnist": clothes}
    monkeypatch.setattr("visbase.pipeline.demo.mistakes.load_dataset", known.get)
    digits, things = mistakes(own).values()
    with monkeypatch.context() as patch:
        patch.setenv("VISBASE_DATA", str(tmp_path))  # whose files may be another's
        assert mistakes(own) == {}
    assert "Trouser" not in {one.truth for one in digits}
    assert {one.truth for one in things} == {"Trouser"}
