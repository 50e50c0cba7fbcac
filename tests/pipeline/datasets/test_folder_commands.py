"""Commands on a folder of photographs: their options, and where its files go."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import refusal, visbase
from tests.pipeline.datasets.builders import fill, noise
from visbase.pipeline.commands import run as cli
from visbase.pipeline.datasets.splits import Split
from visbase.pipeline.experiments import search
from visbase.pipeline.experiments.records import read_record


def output(*arguments: object) -> str:
    result = visbase(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("command", ["run", "search"])
def test_options_that_do_not_fit_are_refused(command: str, fresh_folders: Path) -> None:
    for options, expected in (
        (["--dataset", "folder:"], "folder:PATH"),
        (["--dataset", "folder:x", "--data", "y"], "folder:PATH"),
        (["--train-per-class", "3"], "--train-per-class only"),
        (["--skip-bad"], "--skip-bad only"),
        (["--test-fraction=.2"], "--test-fraction only"),
        (["--drop-duplicates"], "--drop-duplicates only"),
    ):
        assert expected in refusal(command, "linear", *options)


def test_records_of_a_folder_stay_in_artifacts(
    flat: Path, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visbase.pipeline.experiments.provenance.dirty", lambda: False)
    options = ("--dataset", f"folder:{flat}", "--train-per-class", 5, "--seed", 3)
    line = output("run", "majority", *options)
    assert "50.00 % error, 7 of 14 folder-photos-" in line
    (home,) = (fresh_folders / "artifacts" / "results" / "full").iterdir()
    assert read_record(home / "majority" / "seed3.json").n_train == 10
    assert not (fresh_folders / "results").exists()


def test_records_of_a_folder_are_reported(fresh_folders: Path) -> None:
    photos = fresh_folders / "photos"
    for name in ("cat", "dog"):
        noise(photos / name, 12)
    folder = f"--dataset=folder:{photos}"
    assert "has recorded no full run of it" in refusal("report", folder)
    for method in ("majority", "linear"):
        output("run", method, folder, "--train-per-class=5")
    assert visbase("run", "lenet5", folder, "--train-per-class=5").exit_code == 2
    lines = output("report", folder, "--out", fresh_folders / "page")
    assert "best" in lines
    assert "lenet5 failed: BadInput: 8 x 8 pixels" in lines
    assert (fresh_folders / "page" / "index.html").is_file()
    output("run", "linear", folder, "--train-per-class=6")
    assert "was run on another split of seed 0" in refusal("report", folder)
    assert "leave out --data and --readme" in refusal("report", folder, "--data=x")


def test_nested_classes_are_reported_as_they_were_run(fresh_folders: Path) -> None:
    for name in ("cat/tabby", "cat/manx", "dog"):
        noise(fresh_folders / "photos" / name, 6)
    options = (f"--dataset=folder:{fresh_folders / 'photos'}", "--nested")
    output("run", "majority", *options, "--test-fraction=0.5")
    assert "majority" in output("report", *options)


def test_icons_some_of_them_grey_give_a_model(fresh_folders: Path) -> None:
    """One of its classes has the name of the answer for an image of no class."""
    for name in ("cat", "unknown"):
        noise(fresh_folders / "icons" / name, 6)
        grey = Image.fromarray(np.full((8, 8), len(name), np.uint8))
        grey.save(fresh_folders / "icons" / name / "grey.png")
    options = (f"--dataset=folder:{fresh_folders / 'icons'}", "--test-fraction=0.3")
    model = fresh_folders / "icons.visbase"
    output("run", "majority", *options, "--save", model)
    image = fresh_folders / "icons" / "cat" / "0.png"
    assert "a class is called unknown" in refusal(
        "predict", model, image, "--unknown=1"
    )


def test_colour_of_a_grey_folder_is_not_corrupted(fresh_folders: Path) -> None:
    for name in ("cat", "dog"):
        noise(fresh_folders / "icons" / name, 5, side=32)
        for file in (fresh_folders / "icons" / name).iterdir():
            Image.open(file).convert("L").save(file)
    options = (f"--dataset=folder:{fresh_folders / 'icons'}", "--test-fraction=0.2")
    model = fresh_folders / "icons.visbase"
    output("run", "majority", *options, "--save", model)
    lines = output("corruption", model, *options)
    assert "majority, brightness" in lines
    assert "saturat" not in lines


def test_several_methods_get_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(
        cli, "_run_in_own_processes", lambda _, options: given.extend(options) or 0
    )
    folder = ["--dataset", "folder:a b"]
    options = ["--train-per-class", "7", "--skip-bad", "--nested", "--drop-duplicates"]
    output("run", "majority", "linear", *folder, *options)
    assert given[:2] == folder
    assert given[-5:] == options
    output("run", "majority", "linear", *folder, "--no-group-duplicates")
    assert given[-1] == "--no-group-duplicates"
    output("run", "majority", "linear", *folder, "--test-fraction=0.25")
    assert given[-2:] == ["--test-fraction", "0.25"]


def test_search_of_a_folder_keeps_its_trials_in_artifacts(
    flat: Path, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sizes_only(_: object, train: Split, validation: Split) -> tuple[int, float]:
        assert np.bincount(train.labels).tolist() == [8, 8]
        assert np.bincount(validation.labels).tolist() == [1, 1]
        return 0, 0.0

    monkeypatch.setattr(search, "ROOT", fresh_folders / "no such place")
    monkeypatch.setattr(search, "_try", sizes_only)
    dataset = f"--dataset=folder:{flat}"
    command = ("search", "linear", dataset, "--train-per-class=9")
    assert output(*command)
    assert output(*command) == ""
    tables = fresh_folders / "artifacts" / "search"
    (table,) = tables.glob("folder-photos-*/*")
    assert table.name.startswith("linear-")
    assert not (fresh_folders / "no such place").exists()
    fill(flat / "cat", 1, 50)
    assert output(*command)  # other images, other table


def test_bag_of_words_works_on_sizes_that_differ(fresh_folders: Path) -> None:
    """One class has noise of single pixels, the other of squares of 8."""
    root = fresh_folders / "textures"
    for part, width in (("train", 40), ("test", 48)):
        for grain in (1, 8):
            (root / part / f"class {grain}").mkdir(parents=True)
            for i in range(6):
                size = (48 // grain, width // grain)
                noise = np.random.default_rng(i).integers(0, 256, size, np.uint8)
                image = Image.fromarray(noise.repeat(grain, 0).repeat(grain, 1))
                image.save(root / part / f"class {grain}" / f"{width} {i}.png")
    options = ("--preset=quick", f"--dataset=folder:{root}")
    line = output("run", "bovw_grid", *options, "--set", "n_words=8")
    assert "0.00 % error, 0 of 12 folder-textures-" in line
    refused = visbase("run", "linear", *options)
    assert refused.exit_code == 2
    folders, reason = refused.stderr.splitlines()
    assert folders == "Folders: train/ for training, test/ for testing."
    assert "one size, found 2" in reason
