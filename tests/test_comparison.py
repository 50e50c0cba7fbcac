"""`visbase compare` from the folder to the page, with two quick methods."""

import shutil
from pathlib import Path

import pytest

from tests.command_line import visbase
from tests.pipeline.datasets.builders import noise
from tests.pipeline.experiments.test_contest import run_here


@pytest.fixture
def photos(fresh_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A labelled training folder and a test folder without labels."""
    from visbase import comparison
    from visbase.pipeline.experiments import contest

    monkeypatch.setattr(comparison, "CONTESTANTS", ("majority",))
    monkeypatch.setattr(contest, "run_in_own_process", run_here)
    root = fresh_folders / "photos"
    for name in ("cat", "dog"):
        noise(root / "train" / name, 10)
    noise(root / "test", 3)
    return root


def test_a_folder_becomes_a_table_three_sentences_and_a_page(photos: Path) -> None:
    out = photos.parent / "out"
    options = ("--methods", "linear", "--repeats", 2, "--out", out)
    result = visbase("compare", photos, *options)
    assert result.exit_code == 0, result.output
    for said in (
        "20 images in 2 classes",
        "Every method was trained on 16 photographs and tested on 4.",
        "is the best: it classifies",
        "With twice as many photographs",
        "mistake",
    ):
        assert said in result.output
    page = (out / "index.html").read_text("utf-8")
    assert "Which method classifies photos best?" in page
    labels = (out / "unlabelled.csv").read_text("utf-8").splitlines()
    assert labels[0] == "file,label,probability"
    assert sorted(line.split(",")[0] for line in labels[1:]) == [
        f"test/{i}.png" for i in range(3)
    ]
    again = visbase("compare", photos, *options)
    assert again.stdout == result.stdout
    assert "runs to do" not in again.stderr


def test_a_quick_comparison_says_that_it_is_quick(photos: Path) -> None:
    result = visbase("compare", photos, "--quick")
    assert "tested on 4, with quick settings." in result.stdout


def run(*arguments: object) -> None:
    done = visbase("run", *arguments)
    assert done.exit_code == 0, done.output


def test_seeds_on_the_split_of_a_folder_are_one_split_of_its_report(
    fresh_folders: Path,
) -> None:
    root = fresh_folders / "photos"
    for name in ("train/cat", "train/dog", "test/cat", "test/dog"):
        noise(root / name, 8)
    for method, seeds in (("majority", (0, 1)), ("linear", (1,))):
        for seed in seeds:
            run(method, "--dataset", f"folder:{root}", "--seed", seed)
    from visbase.comparison import report

    rows = {row.method: row.cells for row in report(root).rows}
    assert rows["majority"]["splits"].text == "1"
    assert rows["majority"]["95 % interval"].text == "28.0 to 72.0"  # Wilson's, 8 of 16


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--no-group-duplicates", "show the same picture as a training image"),
        ("--drop-duplicates", "Copies of other images"),
    ],
)
def test_report_of_a_folder_knows_on_which_side_its_copies_were(
    fresh_folders: Path, option: str, expected: str
) -> None:
    root = fresh_folders / "photos"
    for name in ("cat", "dog"):
        noise(root / name, 6)
        for path in [*(root / name).iterdir()]:
            shutil.copy(path, path.with_name(f"copy of {path.name}"))
    options = ("--dataset", f"folder:{root}", "--test-fraction", 0.5, option)
    run("majority", *options)
    page = visbase("report", "--dataset", f"folder:{root}")
    html = Path(page.stderr.split("page: ")[1].strip()).read_text("utf-8")
    assert expected in html
    assert ("so the test is too easy" in html) == (option != "--drop-duplicates")
    assert "each on one side of the split" not in html
