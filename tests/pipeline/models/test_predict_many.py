"""`visbase predict` on many files: folders, probabilities, unknown images, copies."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from tests.command_line import refusal, visbase
from tests.pipeline.saved_models import fit_and_save, resave
from visbase.pipeline.datasets.photo_check import check_photos
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.images import photo_files
from visbase.pipeline.models import predict
from visbase.pipeline.models.calibration import Calibration
from visbase.pipeline.models.file import load_model, save_model


def png(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, format="PNG")
    return path


@pytest.fixture
def album(mnist: Dataset, tmp_path: Path) -> Path:
    """Four test digits in a folder, one of them deeper, beside litter."""
    names = ("a.png", "b.png", "deep/c.png", "d.png")
    for name, image in zip(names, mnist.test.images, strict=False):
        png(tmp_path / "album" / name, image)
    for litter in (".hidden.png", "Thumbs.db", "deep/._c.png"):
        (tmp_path / "album" / litter).write_text("no image")
    return tmp_path / "album"


def answers(*arguments: object) -> list[dict[str, Any]]:
    result = visbase("predict", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def labels(*arguments: object) -> list[str]:
    return [answer["label"] for answer in answers(*arguments)]


def test_percentages_are_the_calibrated_probabilities(
    calibrated: Path, album: Path, mnist: Dataset
) -> None:
    expected = load_model(calibrated).probabilities(mnist.test.images[:1])[0]
    (answer,) = answers(calibrated, album / "a.png")
    assert list(answer["probabilities"].values()) == expected.tolist()
    head, row = visbase("predict", calibrated, album / "a.png").stdout.splitlines()
    assert head.split() == ["image", "label", "%", "runner-up", "%", "ms"]
    best, second = 100 * np.sort(expected)[:-3:-1]
    assert row.split()[1:5:2] == [answer["label"], row.split()[3]]
    assert row.split()[2:5:2] == [f"{best:.1f}", f"{second:.1f}"]
    assert len(head) == len(row)


def test_folders_and_patterns_are_expanded_without_litter(
    saved: Path, album: Path
) -> None:
    found = [Path(answer["file"]) for answer in answers(saved, album)]
    assert found == [album / name for name in ("a.png", "b.png", "d.png", "deep/c.png")]
    patterns = (album / "[ab].png", album / "**" / "c.*")
    found = [Path(answer["file"]) for answer in answers(saved, *patterns)]
    assert found == [album / name for name in ("a.png", "b.png", "deep/c.png")]
    assert "no files found" in refusal("predict", saved, album / "*.jpg")
    (album / "empty").mkdir()
    result = visbase("predict", saved, album / "empty", album / "a.png")
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 2


def test_files_of_the_command_itself_are_not_taken_for_images(
    saved: Path, album: Path
) -> None:
    model = album / "model"
    model.write_bytes(saved.read_bytes())
    written = ("--csv", album / "table.csv", "--show", album / "picture.png")
    for _ in range(2):
        assert len(answers(model, album, *written)) == 4
    assert visbase("predict", model, album / "table.csv").exit_code == 2


def test_each_row_is_written_before_the_next_image_is_read(
    saved: Path, album: Path, tmp_path: Path
) -> None:
    table, original, seen = tmp_path / "table.csv", predict.predict_file, []

    def spy(*arguments: Any) -> list[predict.Prediction]:
        printed = sys.stdout.buffer.getvalue().decode()  # type: ignore[attr-defined]
        seen.append((printed.count("\n"), table.read_text().count("\n")))
        return original(*arguments)

    with patch.object(predict, "predict_file", spy):
        result = visbase("predict", saved, album, "--csv", table)
    assert result.exit_code == 0
    assert seen == [(0, 1), (2, 2), (3, 3), (4, 4)]  # each with its head
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    for row, answer in zip(rows, answers(saved, album), strict=True):
        assert (row["file"], row["label"]) == (answer["file"], answer["label"])
        assert float(row["score"]) == answer["scores"][answer["label"]]
        assert row["probability"] == row["note"] == ""
    missing = tmp_path / "none" / "table.csv"
    assert str(missing) in refusal("predict", saved, album, "--csv", missing)


def test_unknown_is_counted_on_held_out_images_and_answered_below_it(
    saved: Path, album: Path, tmp_path: Path
) -> None:
    sound, path = load_model(saved), tmp_path / "model"
    confidence = np.array([0.9, 0.5, 0.4, 0.8, 0.3, 0.95, 0.99, 0.2], np.float32)
    right = np.array([True, False, True, False, False, True, True, True])
    held_out = Calibration(0.5, confidence, right)
    save_model(path, sound.classifier, sound.card, held_out)
    top = [max(answer["probabilities"].values()) for answer in answers(path, album)]
    between = float(np.sort(top)[1:3].mean())
    with_threshold = visbase("predict", path, album, "--unknown", between, "--json")
    unknown = [a["label"] == "unknown" for a in json.loads(with_threshold.stdout)]
    assert unknown == [p < between for p in top]
    assert sum(unknown) == 2
    said = visbase("predict", path, album / "a.png", "--unknown", 0.6).stderr
    assert said == (
        "--unknown 0.6: 4 of 8 held-out training images (50.0 %) would be unknown, "
        "among them 2 of the 3 errors (67 %)\n"
    )
    assert "no calibration" in refusal("predict", saved, album, "--unknown", 0.6)


def test_files_are_copied_by_label_and_nothing_is_overwritten(
    calibrated: Path, album: Path, tmp_path: Path
) -> None:
    first, out = labels(calibrated, album / "a.png"), tmp_path / "album" / "sorted"
    taken = out / first[0] / "a.png"
    taken.parent.mkdir(parents=True)
    taken.write_text("mine")
    before = (album / "a.png").read_bytes()
    for _ in range(2):  # the second time, the copies are not sorted again
        assert len(labels(calibrated, album, "--sort-into", out)) == 4
    assert taken.read_text() == "mine"
    assert (album / "a.png").read_bytes() == before
    copies = sorted(path.name for path in taken.parent.glob("a*"))
    assert copies == ["a-2.png", "a-3.png", "a.png"]
    assert (taken.parent / "a-3.png").read_bytes() == before
    assert len([path for path in out.rglob("*") if path.is_file()]) == 1 + 2 * 4
    labels(calibrated, album / "a.png", "--unknown", 1, "--sort-into", out)
    assert (out / "unknown" / "a.png").is_file()


def test_class_name_that_leads_out_of_the_folder_is_refused(
    saved: Path, album: Path, tmp_path: Path
) -> None:
    for name in ("../a", "/etc", "a/../../b", "..", "a\\b", ""):
        classes = [name, *"bcdefghij"]
        evil = resave(
            saved, tmp_path / "m", lambda card, _, c=classes: card.update(classes=c)
        )
        line = refusal("predict", evil, album, "--sort-into", tmp_path / "out")
        assert "no name for a folder" in line
    assert not (tmp_path / "out").exists()


def test_image_with_nothing_to_judge_by_is_named_and_unknown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (40 + i, 50, 3), np.uint8) for i in range(24)]
    split = Split(photos, np.arange(24) % 2, [""] * 24)
    fit_and_save("bovw_grid", split, tmp_path / "model")
    white = png(tmp_path / "white.png", np.full((40, 50, 3), 252, np.uint8))
    tiny = png(tmp_path / "tiny.png", photos[0][:3, :3])
    sound = png(tmp_path / "sound.png", photos[0])
    result = visbase("predict", tmp_path / "model", white, tiny, sound, "--json")
    assert result.exit_code == 0
    notes = [answer["note"] for answer in json.loads(result.stdout)]
    reasons = ["(nearly) blank", "no keypoint"]
    assert notes == [*(f"nothing found to judge by: {r}" for r in reasons), ""]
    found = [answer["label"] for answer in json.loads(result.stdout)]
    assert (found[:2], found[2] in "ab") == (["unknown"] * 2, True)
    expected = zip((white, tiny), notes, strict=False)
    assert result.stderr == "".join(f"visbase: {f}: {note}\n" for f, note in expected)
    rows = visbase("predict", tmp_path / "model", white).stdout.splitlines()
    assert rows[1].endswith(notes[0])


def test_large_photograph_is_decoded_as_those_that_were_trained_on(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(0)
    for i in range(24):
        small = Image.fromarray(rng.integers(0, 256, (30 + i, 60, 3), np.uint8))
        large = small.resize((1200, 600 + i), Image.Resampling.BICUBIC)
        large.save(tmp_path / f"{i:02}.jpg")
    paths = sorted(tmp_path.glob("*.jpg"))
    photos = check_photos(paths).photos
    split = Split(photos, np.arange(24) % 2, [""] * 24)
    fitted = fit_and_save("bovw_fisher", split, tmp_path / "model", longest_px=90)
    alone = [fitted.scores(photos[i : i + 1])[0] for i in range(3)]
    with patch.object(photo_files, "shrink_to", wraps=photo_files.shrink_to) as spy:
        found = answers(tmp_path / "model", *paths[:3])
    for answer, scores in zip(found, alone, strict=True):
        assert list(answer["scores"].values()) == scores.astype(float).tolist()
    sizes = {call.args[0].shape[1] for call in spy.call_args_list}
    assert sizes == {600, 150}  # to be shown, and for the model; never all 1,200 pixels


def test_lack_of_memory_is_not_blamed_on_the_file(saved: Path, album: Path) -> None:
    with patch("PIL.Image.open", side_effect=MemoryError):
        result = visbase("predict", saved, album / "a.png")
    assert result.exit_code == 1
    assert "out of memory" in result.stderr
    assert "a.png" not in result.stderr
