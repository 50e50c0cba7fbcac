"""`visbase predict` and `run --save`: image files to labels, one line for bad ones."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.pipeline.models.test_model_file import fit_and_save, resave
from visbase.pipeline.commands import main
from visbase.pipeline.datasets.splits import Dataset, Split, part
from visbase.pipeline.images.digit import normalise as digit
from visbase.pipeline.models.file import load_model
from visbase.pipeline.models.predict import Prediction, prepare, show

N_TRAIN = 200


@pytest.fixture(scope="module")
def train(mnist: Dataset) -> Split:
    return part(mnist.train, slice(0, N_TRAIN))


@pytest.fixture(scope="module")
def model(train: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on the data set "toy" of 28 x 28 digits, classes a to j."""
    folder = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISBASE_ARTIFACTS", str(folder / "artifacts"))
        fit_and_save("svm_rbf", train, folder / "model")
    return folder / "model"


def png(path: Path, image: np.ndarray) -> str:
    Image.fromarray(image).save(path, format="PNG")
    return str(path)


@pytest.fixture
def images(mnist: Dataset, tmp_path: Path) -> list[str]:
    """Files of the first three test images."""
    return [png(tmp_path / f"{i}.png", mnist.test.images[i]) for i in range(3)]


def visbase(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], input=stdin)


def test_table_is_aligned_and_says_the_fitted_models_labels(
    model: Path, images: list[str], mnist: Dataset
) -> None:
    result = visbase("predict", model, *images)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["image", "label", "score", "runner-up", "score", "ms"]
    assert len({len(row) for row in (head, *rows)}) == 1
    scores = load_model(model).classifier.scores(mnist.test.images[:3])
    for row, file, of_image in zip(rows, images, scores, strict=True):
        found, label, score, second, second_score, ms = row.split()
        best, next_best = np.argsort(-of_image)[:2]
        assert (found, label, second) == (
            file,
            "abcdefghij"[best],
            "abcdefghij"[next_best],
        )
        assert float(score) == pytest.approx(of_image[best], rel=1e-3)
        assert float(second_score) == pytest.approx(of_image[next_best], rel=1e-3)
        assert float(ms) > 0


def test_json_has_the_scores_of_every_class(
    model: Path, images: list[str], mnist: Dataset
) -> None:
    result = visbase("predict", model, *images, "--json")
    answers = json.loads(result.stdout)
    assert [answer["file"] for answer in answers] == images
    classifier = load_model(model).classifier
    for answer, image in zip(answers, mnist.test.images, strict=False):
        expected = classifier.scores(image[None])[0]
        assert list(answer["scores"]) == list("abcdefghij")
        assert np.array_equal(list(answer["scores"].values()), expected.astype(float))
        assert answer["label"] == "abcdefghij"[expected.argmax()]
        assert answer["ms"] > 0


def test_image_that_cannot_be_read_is_told_and_the_others_are_labelled(
    model: Path, images: list[str], tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "folder").mkdir()
    truncated = tmp_path / "truncated.png"
    truncated.write_bytes(Path(images[0]).read_bytes()[:60])
    bad = [str(tmp_path / name) for name in ("text.png", "none.png", "folder")]
    bad.append(str(truncated))
    result = visbase("predict", model, images[0], *bad, images[1])
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert len(lines) == len(bad)
    for line, file in zip(lines, bad, strict=True):
        assert line.startswith(f"visbase: {file}: ")
    assert [row.split()[0] for row in result.stdout.splitlines()[1:]] == images[:2]


def test_no_image_that_can_be_read_prints_no_table(model: Path, tmp_path: Path) -> None:
    result = visbase("predict", model, tmp_path / "none.png")
    assert (result.exit_code, result.stdout) == (2, "")
    result = visbase("predict", model, tmp_path / "none.png", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (2, [])


def test_image_from_standard_input_is_labelled_as_from_its_file(
    model: Path, images: list[str]
) -> None:
    piped = visbase("predict", model, "-", "--json", stdin=Path(images[1]).read_bytes())
    from_file = visbase("predict", model, images[1], "--json")
    (one,), (other,) = json.loads(piped.stdout), json.loads(from_file.stdout)
    assert one["file"] == "-"
    assert one["scores"] == other["scores"]
    nothing = visbase("predict", model, "-", stdin=b"")
    assert nothing.exit_code == 2
    assert nothing.stderr.startswith("visbase: standard input: ")
    assert nothing.stderr.count("\n") == 1
    twice = visbase("predict", model, "-", "-", stdin=b"")
    assert twice.exit_code == 2
    assert twice.stderr == "visbase: standard input can be read once; name - once\n"


def test_file_that_is_no_model_is_one_line(tmp_path: Path, images: list[str]) -> None:
    result = visbase("predict", images[0], images[1])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"visbase: {images[0]}: not a visbase model")


def test_colour_and_another_size_become_grey_of_the_models_size() -> None:
    card = {"kind": "objects", "image_size": [4, 6]}
    photo = np.zeros((8, 12, 3), np.uint8)
    photo[:2, :2] = (40, 80, 120)  # luma 0.299 40 + 0.587 80 + 0.114 120 = 72.6
    photo[2:4, :2, :] = [[[0, 0, 0], [200, 200, 200]]]
    seen = prepare(photo, card)
    assert seen.shape == (4, 6)
    assert seen[0, 0] == 73
    assert seen[1, 0] == 100  # the mean of two black and two of 200
    assert not seen[2:].any()


def test_photograph_reaches_a_model_of_photographs_as_it_is() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    assert prepare(photo, {"kind": "photographs", "image_size": None}) is photo


def test_digit_for_a_model_of_mnist_is_normalised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    normal = np.full((28, 28), 9, np.uint8)
    monkeypatch.setattr(digit, "normalise_digit", lambda image: normal + image[0, 0])
    photo = np.full((50, 40), 3, np.uint8)
    seen = prepare(photo, {"kind": "digits", "image_size": [28, 28]})
    assert (seen == 12).all()


def test_show_puts_what_the_model_saw_side_by_side(
    model: Path, images: list[str], mnist: Dataset, tmp_path: Path
) -> None:
    result = visbase("predict", model, *images[:2], "--show", tmp_path / "seen.png")
    assert result.exit_code == 0
    seen = np.array(Image.open(tmp_path / "seen.png"))
    assert seen.shape == (112, 112 + 4 + 112, 3)
    assert np.array_equal(seen[::4, :112:4, 0], mnist.test.images[0])
    assert np.array_equal(seen[::4, 116::4, 2], mnist.test.images[1])
    (tmp_path / "file").touch()
    result = visbase("predict", model, images[0], "--show", tmp_path / "file" / "x.png")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 5000, 3), (5000, 1)),  # gigabytes, if it were as high as others
        ((1, 2, 3), (112, 56)),
        ((28, 28), (112, 112)),
    ],
)
def test_shown_image_is_enlarged_by_its_longer_side(
    shape: tuple[int, ...], size: tuple[int, int], tmp_path: Path
) -> None:
    image = np.zeros(shape, np.uint8)
    show([Prediction("a.png", {"a": 1.0}, 1.0, image)], tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as seen:
        assert seen.size == size


def test_photographs_of_several_sizes_are_predicted_and_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (40 + i, 50, 3), np.uint8) for i in range(24)]
    split = Split(photos, np.arange(24) % 2, [""] * 24)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISBASE_ARTIFACTS", str(tmp_path / "artifacts"))
        fit_and_save("bovw_grid", split, tmp_path / "model")
    files = [png(tmp_path / f"{i}.png", photos[i]) for i in (0, 20)]
    shown = tmp_path / "seen.png"
    result = visbase("predict", tmp_path / "model", *files, "--show", shown, "--json")
    assert result.exit_code == 0, result.output
    classifier = load_model(tmp_path / "model").classifier
    expected = np.array([classifier.scores([photos[i]])[0] for i in (0, 20)])
    found = [list(answer["scores"].values()) for answer in json.loads(result.stdout)]
    assert np.array_equal(found, expected.astype(float))
    seen = np.array(Image.open(shown))
    assert seen.shape == (2 * 40, 2 * 50 + 4 + 50, 3)
    assert (seen[60:, 104:] == 255).all()


def test_nothing_is_read_again_or_compiled_for_the_second_image(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / "artifacts"))
    fit_and_save("bovw_pyramid", part(mnist.train, slice(0, 60)), tmp_path / "model")
    files = [png(tmp_path / f"{i}.png", mnist.test.images[i]) for i in range(3)]
    opened: list[str] = []
    original = open

    def spy(file: object, *arguments: object, **options: object) -> object:
        opened.append(str(file))
        return original(file, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", spy)
    result = visbase("predict", tmp_path / "model", *files, "--json")
    first = opened.index(files[0])
    read = [file for file in opened[first:] if not file.startswith("/proc/")]
    assert read == files
    # compiling takes seconds
    assert all(answer["ms"] < 500 for answer in json.loads(result.stdout))


def test_run_saves_a_model_that_answers_as_its_record_says(
    mnist: Dataset, tmp_path: Path, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Dataset(
        "mnist",
        part(mnist.train, slice(0, 300)),
        part(mnist.test, slice(0, 100)),
        mnist.classes,
        "digits",
        1,
    )
    monkeypatch.setattr(
        "visbase.pipeline.datasets.load_dataset", lambda name, folder, **_: few
    )
    path = tmp_path / "new" / "model"
    result = visbase(
        *("run", "svm_rbf", "--preset", "quick", "--set", "c=2", "--seed", "3"),
        *("--save", path, "--licence", "CC BY-SA 3.0"),
    )
    assert result.exit_code == 0, result.output
    opened = load_model(path)
    card = opened.card
    assert (card["config"]["c"], card["seed"], card["preset"]) == (2.0, 3, "quick")
    assert (card["dataset"], card["licence"]) == ("mnist", "CC BY-SA 3.0")
    assert (card["n_train"], card["n_test"]) == (300, 100)
    right = opened.classifier.predict(few.test.images) == few.test.labels
    assert int(right.sum()) == card["n_correct"] > 50
    assert f"{card['n_test'] - card['n_correct']} of 100" in result.stdout


def test_save_with_several_methods_or_to_a_folder_stops_before_any_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        pytest.fail("it ran")

    monkeypatch.setattr("visbase.pipeline.experiments.run.run_method", fail)
    monkeypatch.setattr("visbase.pipeline.commands.run._run_each_alone", fail)
    result = visbase("run", "majority", "linear", "--save", tmp_path / "m")
    assert result.exit_code == 2
    assert result.stderr.startswith("visbase: --save ")
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "m"):
        assert visbase("run", "majority", "--save", place).exit_code == 2


def test_run_that_does_not_save_hands_over_nothing(fresh_folders: Path) -> None:
    result = visbase("run", "majority", "--preset", "quick")
    assert result.exit_code == 0
    assert not list(fresh_folders.rglob("*.visbase"))


def test_one_class_has_no_runner_up(
    train: Split, images: list[str], tmp_path: Path
) -> None:
    sevens = np.flatnonzero(train.labels == 7)
    split = Split(train.images[sevens], train.labels[sevens], [""] * len(sevens))
    fit_and_save("majority", split, tmp_path / "model")
    result = visbase("predict", tmp_path / "model", images[0])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[1:3] == ["h", "1"]


def test_photo_taken_sideways_is_turned(tmp_path: Path) -> None:
    from visbase.pipeline.images.photo_files import read_image

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


def test_mnist_models_own_digits_keep_their_labels(
    model: Path, images: list[str], tmp_path: Path
) -> None:
    of_mnist = resave(model, tmp_path / "m", lambda card: card.update(dataset="mnist"))
    answers = [
        [
            a["label"]
            for a in json.loads(visbase("predict", m, *images, "--json").stdout)
        ]
        for m in (of_mnist, model)
    ]
    assert answers[0] == answers[1]
