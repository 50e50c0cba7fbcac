"""`visbase predict` on pages of digits, and pictures in the format of their name."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import refusal, visbase
from tests.pipeline.saved_models import resave
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.models import predict


@pytest.fixture
def digits(saved: Path, tmp_path: Path) -> Path:
    """A model of digits, whose classes are a to j."""
    return resave(saved, tmp_path / "m", lambda card, _: card.update(kind="digits"))


@pytest.fixture
def note(mnist: Dataset, tmp_path: Path) -> Path:
    """A picture of two lines, 5 0 and 4, each digit enlarged four times."""
    page = np.full((300, 320), 255, np.uint8)
    for image, (top, left) in zip(
        mnist.train.images, ((20, 20), (20, 180), (160, 40)), strict=False
    ):
        page[top : top + 112, left : left + 112] = 255 - image.repeat(4, 0).repeat(4, 1)
    Image.fromarray(page).save(tmp_path / "note.png")
    return tmp_path / "note.png"


def test_page_without_a_digit_has_the_columns_of_digits(
    digits: Path, monkeypatch: pytest.MonkeyPatch, note: Path
) -> None:
    monkeypatch.setattr(
        predict, "_no_digits", lambda _, page: ["no digit"] * len(page.places)
    )
    head, row = visbase("predict", digits, note).stdout.splitlines()
    assert head.index("label") == row.index("unknown")
    (answer,) = json.loads(visbase("predict", digits, note, "--json").stdout)
    assert (answer["line"], answer["box"]) == (None, None)


def test_thousands_of_parts_are_no_page_of_digits(digits: Path, tmp_path: Path) -> None:
    text = np.full((1000, 1400), 255, np.uint8)
    for top in range(20, 960, 24):
        for left in range(20, 1360, 14):
            text[top : top + 14, left : left + 5] = 0
    Image.fromarray(text).save(tmp_path / "text.png")
    assert "expected at most 500 digits" in refusal(
        "predict", digits, tmp_path / "text.png"
    )


def test_page_gives_a_row_per_digit_and_a_number_per_line(
    digits: Path, note: Path, tmp_path: Path
) -> None:
    table, picture = tmp_path / "table.csv", tmp_path / "seen.webp"
    result = visbase("predict", digits, note, "--csv", table, "--show", picture)
    assert result.exit_code == 0, result.output
    head, *rows, first, second = result.stdout.splitlines()
    assert head.split()[:4] == ["image", "line", "box", "label"]
    labels = [row.split()[3] for row in rows]
    assert [row.split()[1] for row in rows] == ["1", "1", "2"]
    assert (first, second) == (
        f"{note}: {labels[0]}{labels[1]}",
        f"{note}: {labels[2]}",
    )
    answers = json.loads(visbase("predict", digits, note, "--json").stdout)
    with open(table, newline="") as file:
        written = list(csv.DictReader(file))
    for answer, row, corner in zip(answers, written, (20, 180, 40), strict=True):
        assert [row["line"], row["label"]] == [str(answer["line"]), answer["label"]]
        sides = [int(row[side]) for side in ("left", "top", "right", "bottom")]
        assert sides == answer["box"]
        assert corner < sides[0] < sides[2] < corner + 112
    with Image.open(picture) as shown:
        assert (shown.format, shown.size) == ("WEBP", (3 * 112 + 8, 112))


def test_single_refuses_several_digits_and_says_how_many(
    digits: Path, note: Path, tmp_path: Path
) -> None:
    for extra in (["--single"], ["--sort-into", tmp_path / "sorted"]):
        said = refusal("predict", digits, note, *extra)
        assert f"{note}: expected one digit, found 3" in said


def test_picture_of_unknown_format_is_refused_before_anything_is_read(
    digits: Path, tmp_path: Path
) -> None:
    for name in ("picture", "picture.doc"):
        said = refusal("predict", digits, "none.png", "--show", tmp_path / name)
        assert f"{name}: expected the ending of a picture" in said
        said = refusal("explain", digits, "none.png", "--out", tmp_path / name)
        assert f"{name}: expected the ending of a picture" in said
